package pgpmime_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/mail"
)

// shown is what notmuch says of a message.
type shown struct {
	ID      string
	Headers map[string]string
	Crypto  struct {
		Signed struct {
			Status []struct{ Status, Fingerprint string }
		}
	}
}

// showAll has the real notmuch show messages, by Message-ID, with the keys of a home of gpg.
func showAll(t *testing.T, gnupg labtest.GnuPG, messages map[string][]byte) map[string]shown {
	t.Helper()
	tree, err := lab.Unpack(t.Context(), t.Output(), "notmuch")
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	mailbox := filepath.Join(home, "mail", "cur")
	if err := os.MkdirAll(mailbox, 0o700); err != nil {
		t.Fatal(err)
	}
	settings := "[database]\npath=" + filepath.Join(home, "mail") + "\n[user]\nprimary_email=bob@example.net\n"
	if err := os.WriteFile(filepath.Join(home, ".notmuch-config"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	for id, message := range messages {
		// A mailbox has LF.
		if err := os.WriteFile(filepath.Join(mailbox, id+":2,S"), bytes.ReplaceAll(message, []byte("\r\n"), []byte("\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) []byte {
		cmd := tree.Command(t.Context(), "/usr/bin/notmuch", args...)
		cmd.Env = append(cmd.Env, "HOME="+home, "GNUPGHOME="+gnupg.Home)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("notmuch %s: %v\n%s", args, err, stderr.String())
		}
		return out
	}
	run("new", "--quiet")
	var threads any
	if err := json.Unmarshal(run("show", "--format=json", "--verify", "--decrypt=true", "*"), &threads); err != nil {
		t.Fatal(err)
	}
	all := map[string]shown{}
	collect(t, threads, all)
	return all
}

// collect finds the messages among the threads, which are lists of pairs of a message and the answers to it.
func collect(t *testing.T, threads any, all map[string]shown) {
	t.Helper()
	switch v := threads.(type) {
	case []any:
		for _, in := range v {
			collect(t, in, all)
		}
	case map[string]any:
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var s shown
		if err := json.Unmarshal(text, &s); err != nil {
			t.Fatal(err)
		}
		all[s.ID] = s
	}
}

// frames are multiparts as programs write them: with and without a line end or text around the parts, and with parts and
// messages that end with their header.
var frames = map[string]string{
	"no-line-end":              "--b\n\ntext\n--b--",
	"empty-line-at-the-end":    "--b\n\ntext\n--b--\n\n",
	"text-around":              "This is\n\na multipart.\n\n--b\n\ntext\n--b--\nThe end\n\n.\n",
	"empty-lines-around":       "\n\n--b\n\ntext\n--b--\n\n\n",
	"close-delimiters-in-line": "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\ntext\n--c--\n--b--\n",
	"header-alone":             "--b\nContent-Type: text/plain\n--b\nContent-Type: text/plain\n\n--b\n\n--b\n--b--\n",
	"message-without-body":     "--b\nContent-Type: message/rfc822\n\nSubject: header\n--b--\n",
	"unclosed":                 "--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\ntext\n--b\n\ntext\n",
	"digest":                   "--b\nContent-Type: multipart/digest; boundary=c\n\n--c\n\nSubject: one\n\ntext\n--c--\n--b--\n",
}

// oddTypes are Content-Types that break the grammar (RFC 2045, section 5.1). Programs have written most of them.
var oddTypes = []string{
	"text", "foo; charset=utf-8", "; charset=utf-8", "text/; charset=utf-8", "text/plain charset=utf-8", "text/plain; charset",
	"text/plain; =utf-8", "text/plain; charset:utf-8", "text/plain; format=\"flowed\" delsp=yes", "text/plain; name=a;b.txt",
	"text/plain; charset=\"utf-8", "text/plain; charset=utf-8 (x",
}

// TestNotmuchReadsCopies has the real notmuch verify both copies of odd messages, and show their Subject. It writes what was
// signed anew before it verifies that.
func TestNotmuchReadsCopies(t *testing.T) {
	alice, bob := generate(t, "alice@example.org"), generate(t, "bob@example.net")
	bobs := newGnuPG(t, bob)
	bobs.Run(t, alice.Cert().Bytes(), "--import")
	messages := map[string]*mail.Message{}
	for name, body := range frames {
		messages[name] = parseMessage("From: alice@example.org\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n" + body)
	}
	for i, value := range oddTypes {
		messages[fmt.Sprintf("type-%d", i)] = parseMessage("From: alice@example.org\nContent-Type: " + value + "\n\n--b\n\ntext\n--b--\n")
	}
	for _, m := range labtest.Presigned(t) {
		messages[strings.ReplaceAll(m.Name, " ", "-")] = messageOf(m)
	}
	cases, err := filepath.Glob("testdata/*.eml")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, eml := range cases {
		text, err := os.ReadFile(eml)
		if err != nil {
			t.Fatal(err)
		}
		messages[strings.TrimSuffix(filepath.Base(eml), ".eml")] = parseMessage(string(text))
	}
	sealed := map[string][]byte{}
	for name, m := range messages {
		for kind, c := range copiesNamed(t, name, m, alice, bob) {
			sealed[name+"-"+kind+"@lab.test"] = append(c.Header.AppendTo(nil), "\r\n"+render(t, c)...)
		}
	}
	all := showAll(t, bobs, sealed)
	for id := range sealed {
		if strings.HasPrefix(id, "12-broken-multipart-signed") {
			continue // notmuch makes up a boundary for the multipart that has none
		}
		status := all[id].Crypto.Signed.Status
		if len(status) != 1 || status[0].Status != "good" || !strings.EqualFold(status[0].Fingerprint, alice.Fingerprint()) {
			t.Errorf("%s: signed by %+v", id, status)
		}
		if got, want := all[id].Headers["Subject"], "Subject of "+id; got != want {
			t.Errorf("%s: the Subject is %q", id, got)
		}
	}
}

// copiesNamed returns the copies of a message that gets a Message-ID and a Subject for each.
func copiesNamed(t *testing.T, name string, m *mail.Message, alice, bob *crypto.SecretKey) map[string]*pgpmime.Copy {
	t.Helper()
	named := func(kind string) *pgpmime.Draft {
		id := fmt.Sprintf("%s-%s@lab.test", name, kind)
		header := append(m.Header.Without("Message-ID", "Subject"),
			mail.Field{Name: "Message-ID", Value: " <" + id + ">"}, mail.Field{Name: "Subject", Value: " Subject of " + id})
		composer := realComposer()
		composer.LegacyDisplay = true
		draft, err := composer.Prepare(&mail.Message{Header: header, Body: m.Body})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		draft.Introduce(pgpmime.Introduction{Attached: alice.Cert()})
		return draft
	}
	copies := map[string]*pgpmime.Copy{}
	for _, with := range []string{"", "-with-key"} {
		var err error
		if copies["signed"+with], err = named("signed"+with).Sign(signer(t, alice), with != ""); err != nil {
			t.Fatal(err)
		}
		reader := pgpmime.Reader{Cert: bob.Cert(), AttachKey: with != ""}
		encrypted, err := named("encrypted"+with).Encrypt(signer(t, alice), []pgpmime.Reader{reader}, crypto.EncryptOptions{})
		if err != nil {
			t.Fatal(err)
		}
		copies["encrypted"+with] = encrypted[0]
	}
	return copies
}
