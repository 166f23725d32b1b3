package keys_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/miekg/dns"

	"sealmilter/keys"
)

// joeHash is the name of Joe.Doe@example.org in draft-koch-openpgp-webkey-service, section 3.1.
const joeHash = "iy9q119eutrkn8s1mk4r39qejnbu3n5q"

// tree returns the regular files of a folder, and checks that everybody can read it.
func tree(t testing.TB, folder string) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	err := filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o644)
		if d.IsDir() {
			want = fs.ModeDir | 0o755
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		if !d.IsDir() {
			rel, _ := filepath.Rel(folder, name)
			files[rel], err = os.ReadFile(name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func (h *host) publish(t testing.TB, folder string) keys.Published {
	t.Helper()
	done, err := h.senders.Publish(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

func TestPublish(t *testing.T) {
	h := newHost(t)
	defer syscall.Umask(syscall.Umask(0o077)) // web servers run as somebody else
	joe, ann := generate(t, "Joe.Doe@example.org", 0, 0), generate(t, "ann@example.net", 0, 0)
	importAll(t, h.senders, keys.ImportOptions{}, armored(t, joe), armored(t, ann))
	importOne(t, h.local, keys.ImportOptions{}, armored(t, generate(t, "correspondent@example.com", 0, 0).Cert()))
	importAll(t, h.senders, keys.ImportOptions{For: mailAddrs(t, "office@example.org", "root", "x@[127.0.0.1]")}, armored(t, ann))
	folder := filepath.Join(t.TempDir(), "public")
	done := h.publish(t, folder)
	files := tree(t, folder)
	var names []string
	for name := range files {
		if path.Base(name) != joeHash && strings.HasSuffix(path.Dir(name), "/hu") {
			name = path.Dir(name) + "/(ann)"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{
		".sealmilter-published", "README.txt",
		"example.net/.well-known/openpgpkey/hu/(ann)", "example.net/.well-known/openpgpkey/policy",
		"example.org/.well-known/openpgpkey/hu/" + joeHash, "example.org/.well-known/openpgpkey/policy",
		"openpgpkey.example.net/.well-known/openpgpkey/example.net/hu/(ann)", "openpgpkey.example.net/.well-known/openpgpkey/example.net/policy",
		"openpgpkey.example.org/.well-known/openpgpkey/example.org/hu/" + joeHash, "openpgpkey.example.org/.well-known/openpgpkey/example.org/policy",
		"openpgpkey.zone",
	}
	if !slices.Equal(names, want) {
		t.Errorf("files\n%s\nwant\n%s", strings.Join(names, "\n"), strings.Join(want, "\n"))
	}
	for _, name := range []string{"example.org/.well-known/openpgpkey/hu/" + joeHash, "openpgpkey.example.org/.well-known/openpgpkey/example.org/hu/" + joeHash} {
		if !bytes.Equal(files[name], joe.Cert().Bytes()) {
			t.Errorf("%s holds another thing", name)
		}
	}
	for _, domain := range []string{"example.org", "example.net"} {
		if !bytes.Contains(files["README.txt"], []byte(domain)) {
			t.Errorf("the README does not name %s", domain)
		}
	}
	if bytes.Contains(files["README.txt"], []byte("@DOMAIN")) {
		t.Errorf("README:\n%s", files["README.txt"])
	}
	if !slices.Equal(done.Addresses, []string{"ann@example.net", "joe.doe@example.org"}) || len(done.Written) != len(want)-1 {
		t.Errorf("%+v", done)
	}
	unpublished := map[string]string{"office@example.org": "names the address", "root": "without a domain", "x@[127.0.0.1]": "literals"}
	for _, u := range done.Unpublished {
		if reason, expected := unpublished[u.Address]; !expected || !strings.Contains(u.Err.Error(), reason) {
			t.Errorf("%+v", u)
		}
		delete(unpublished, u.Address)
	}
	if len(unpublished) > 0 {
		t.Errorf("published or forgotten: %v", unpublished)
	}
}

// TestPublishAgain has keys come and go, and other people's files in the tree.
func TestPublishAgain(t *testing.T) {
	ctx := t.Context()
	h := newHost(t)
	ann := generate(t, "ann@example.net", 0, 0)
	importAll(t, h.senders, keys.ImportOptions{}, armored(t, generate(t, "Joe.Doe@example.org", 0, 0)), armored(t, ann))
	folder := filepath.Join(t.TempDir(), "public")
	h.publish(t, folder)
	before := tree(t, folder)
	if done := h.publish(t, folder); len(done.Written)+len(done.Removed)+len(done.Foreign) != 0 || !maps.EqualFunc(before, tree(t, folder), bytes.Equal) {
		t.Errorf("nothing has changed: %+v", done)
	}

	theirs := map[string]string{
		"example.net/index.html":                               "welcome",
		"example.net/.well-known/openpgpkey/hu/" + joeHash:     "somebody's",
		"example.com/.well-known/openpgpkey/submission-adress": "x",
		"openpgpkey.zone.bak":                                  "old",
	}
	for name, content := range theirs {
		file := filepath.Join(folder, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.senders.Remove(ctx, "joe.doe@example.org"); err != nil {
		t.Fatal(err)
	}
	newAnn := generate(t, "ann@example.net", 0, 0)
	importOne(t, h.senders, keys.ImportOptions{}, armored(t, newAnn))
	done := h.publish(t, folder)
	if len(done.Removed) != 4 || len(done.Written) != 4 { // two certificates, the zone and the README
		t.Errorf("%+v", done)
	}
	files := tree(t, folder)
	found := 0
	for name, content := range files {
		if strings.HasPrefix(name, "example.org/") || strings.HasPrefix(name, "openpgpkey.example.org/") {
			t.Errorf("%s is left", name)
		}
		if bytes.Equal(content, newAnn.Cert().Bytes()) {
			found++
		}
		if bytes.Equal(content, ann.Cert().Bytes()) {
			t.Errorf("%s holds the old certificate", name)
		}
	}
	for name, content := range theirs {
		if string(files[name]) != content {
			t.Errorf("%s, which is another's, is now %q", name, files[name])
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "example.org")); found != 2 || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%d new certificates, empty folder: %v", found, err)
	}
}

// TestPublishLeavesForeignFiles has a web key directory that somebody keeps by hand, and a way out of the tree.
func TestPublishLeavesForeignFiles(t *testing.T) {
	h := newHost(t)
	importOne(t, h.senders, keys.ImportOptions{}, armored(t, generate(t, "Joe.Doe@example.org", 0, 0)))
	folder := filepath.Join(t.TempDir(), "public")
	name := "example.org/.well-known/openpgpkey/hu/" + joeHash
	file := filepath.Join(folder, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte("by hand"), 0o644)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if done := h.publish(t, folder); !slices.Equal(done.Foreign, []string{name}) {
			t.Errorf("%+v", done)
		}
		if b, err := os.ReadFile(file); string(b) != "by hand" {
			t.Errorf("%q, %v", b, err)
		}
	}

	outside, escape := t.TempDir(), filepath.Join(t.TempDir(), "public")
	if err := errors.Join(os.Mkdir(escape, 0o755), os.Symlink(outside, filepath.Join(escape, "example.org"))); err != nil {
		t.Fatal(err)
	}
	if _, err := h.senders.Publish(t.Context(), escape); err == nil {
		t.Error("a symbolic link leads out of the tree")
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 0 {
		t.Errorf("written outside: %v, %v", entries, err)
	}
}

// TestPublishedZone reads the zone as a name server does, in both forms of the records. The names are by sha256sum.
func TestPublishedZone(t *testing.T) {
	h := newHost(t)
	joe, ann := generate(t, "Joe.Doe@example.org", 0, 0), generate(t, "ann@example.net", 0, 0)
	importAll(t, h.senders, keys.ImportOptions{}, armored(t, joe), armored(t, ann))
	folder := filepath.Join(t.TempDir(), "public")
	h.publish(t, folder)
	zone := string(tree(t, folder)["openpgpkey.zone"])
	generic := strings.NewReplacer("\n; ", "\n", "\n;\t", "\n\t").Replace(zone[strings.Index(zone, "\n\n"):])
	var lines []string
	for line := range strings.Lines(generic) {
		if !strings.Contains(line, "@") { // the comments with addresses
			lines = append(lines, line)
		}
	}
	want := map[string][]byte{
		"bf724b60e040515d3d9e8f45bb344402dd3b76bc8eed999f8b7de446._openpgpkey.example.org.": joe.Cert().Bytes(),
		"a418287638a9d71c1a563a47d37aa26207daeb183f6cf720caaa44df._openpgpkey.example.org.": joe.Cert().Bytes(),
		"49915e0d7d4b402e3017d010bc1c0e83cac6c797d6c16e66340fe326._openpgpkey.example.net.": ann.Cert().Bytes(),
	}
	for text, times := range map[string]int{zone: 1, strings.Join(lines, ""): 2} {
		counts := make(map[string]int)
		parser := dns.NewZoneParser(strings.NewReader(text), "", "openpgpkey.zone")
		for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
			record, isKey := rr.(*dns.OPENPGPKEY)
			if !isKey {
				t.Errorf("a record %v", rr)
				continue
			}
			b, err := base64.StdEncoding.DecodeString(record.PublicKey)
			if err != nil || !bytes.Equal(b, want[record.Hdr.Name]) {
				t.Errorf("%s: %v", record.Hdr.Name, err)
			}
			counts[record.Hdr.Name]++
		}
		if err := parser.Err(); err != nil {
			t.Error(err)
		}
		for name := range want {
			if counts[name] != times {
				t.Errorf("%s is there %d times", name, counts[name])
			}
		}
	}
}
