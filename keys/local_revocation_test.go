package keys_test

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"sealmilter/crypto"
	"sealmilter/keys"
)

// TestImportOfARevocationCertificate takes the one that gpg keeps of a new key, between two certificates.
func TestImportOfARevocationCertificate(t *testing.T) {
	home := newGnuPGHome(t)
	home.quickKey(t, "ed@example.org", "")
	files, err := filepath.Glob(filepath.Join(string(home), "openpgp-revocs.d", "*.rev"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte("\n:-----BEGIN"), []byte("\n-----BEGIN"), 1)
	all := importAll(t, newHost(t).local, keys.ImportOptions{}, armored(t, generate(t, "a@example.org", 0, 0).Cert()), text,
		armored(t, generate(t, "b@example.org", 0, 0).Cert()))
	if want := []string{"added", "refused", "added"}; !slices.Equal(outcomes(all), want) {
		t.Fatalf("%q, want %q", outcomes(all), want)
	}
	if all[1].Fingerprint+".rev" != filepath.Base(files[0]) || !strings.Contains(all[1].Err.Error(), "import that first") {
		t.Errorf("%s: %v", all[1].Fingerprint, all[1].Err)
	}
}

// TestImportRevocation takes a revocation certificate that comes alone.
func TestImportRevocation(t *testing.T) {
	h := newHost(t)
	key := generate(t, "alice@example.org", day, 0)
	text, err := key.RevocationCertificate(noon, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	revocation := bareRevocation(t, text)
	if r := importOne(t, h.local, keys.ImportOptions{}, revocation); r.Outcome != keys.Refused || !strings.Contains(r.Err.Error(), "import that first") {
		t.Errorf("%+v", r)
	}
	importOne(t, h.local, keys.ImportOptions{}, armored(t, key.Cert()))
	for _, want := range []keys.Outcome{keys.Updated, keys.Unchanged} {
		if r := importOne(t, h.local, keys.ImportOptions{}, revocation); r.Outcome != want || r.Err != nil {
			t.Errorf("%+v, want %v", r, want)
		}
	}
	if a := h.directory(h.local).Lookup(t.Context(), addr(t, "alice@example.org")); a.Status != keys.None {
		t.Errorf("%+v", a)
	}
}

// bareRevocation returns the revocation signature of a revocation certificate, alone.
func bareRevocation(t *testing.T, text []byte) []byte {
	t.Helper()
	ring, err := crypto.ReadKeyring(bytes.NewReader(bytes.ReplaceAll(text, []byte("\n:-----"), []byte("\n-----"))))
	if err != nil || len(ring.Certs) != 1 {
		t.Fatalf("%+v, %v", ring, err)
	}
	for packets := packet.NewOpaqueReader(bytes.NewReader(ring.Certs[0].Bytes())); ; {
		p, err := packets.Next()
		if err != nil {
			t.Fatalf("no revocation in it: %v", err)
		}
		const signature, keyRevocation = 2, 0x20
		if p.Tag != signature || p.Contents[1] != keyRevocation {
			continue
		}
		var b bytes.Buffer
		if err := p.Serialize(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
}
