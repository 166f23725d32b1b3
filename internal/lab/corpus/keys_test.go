package corpus

import (
	"bytes"
	"crypto/rand"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
)

// writeKeys fills a folder with files of keys, and returns what must become of each.
func writeKeys(t *testing.T, folder string) map[string]Result {
	t.Helper()
	now := time.Now()
	generate := func(address string, o crypto.GenerateOptions) *crypto.SecretKey {
		addr, err := mail.ParseAddr(address)
		if err != nil {
			t.Fatal(err)
		}
		if o.Now.IsZero() {
			o.Now = now.Add(-48 * time.Hour)
		}
		o.Rand = rand.Reader
		key, err := crypto.Generate(addr, o)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	armored := func(write func(io.Writer) error) []byte {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	ada, ben := generate("ada@shop.example", crypto.GenerateOptions{Name: "Ada"}), generate("ben@mill.example", crypto.GenerateOptions{})
	six := generate("six@mill.example", crypto.GenerateOptions{Algorithm: crypto.V6})
	expired := generate("late@mill.example", crypto.GenerateOptions{Lifetime: time.Hour})
	future := generate("early@mill.example", crypto.GenerateOptions{Now: now.Add(240 * time.Hour)})
	revoke := func(key *crypto.SecretKey) []byte {
		b, err := key.RevocationCertificate(now.Add(-time.Hour), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.ReplaceAll(b, []byte(":-----BEGIN"), []byte("-----BEGIN"))
	}
	secret, err := ben.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	locked, err := ben.Lock([]byte("a passphrase"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := ada.Cert().Bytes()
	damaged := slices.Clone(cert)
	damaged[len(damaged)/2] ^= 0xff
	random := make([]byte, 5000)
	if _, err := rand.Read(random); err != nil {
		t.Fatal(err)
	}
	random[0] |= 0x80
	files := []struct {
		name   string
		octets []byte
		want   Result
	}{
		{"armored.asc", armored(ada.Cert().WriteArmored), Result{Outcome: Verified, Usable: 1}},
		{"binary", cert, Result{Outcome: Verified, Usable: 1}},
		{"version-6.asc", armored(six.Cert().WriteArmored), Result{Outcome: Verified, Usable: 1}},
		{"ring.gpg", slices.Concat(cert, ben.Cert().Bytes(), six.Cert().Bytes(), expired.Cert().Bytes()), Result{Outcome: Verified, Usable: 3}},
		{"two-blocks.asc", slices.Concat([]byte("some text\n"), armored(ada.Cert().WriteArmored), armored(ben.Cert().WriteArmored)),
			Result{Outcome: Verified, Usable: 2}},
		{"crlf.asc", bytes.ReplaceAll(armored(ada.Cert().WriteArmored), []byte("\n"), []byte("\r\n")), Result{Outcome: Verified, Usable: 1}},
		{"expired.asc", armored(expired.Cert().WriteArmored), Result{Outcome: Verified}},
		{"not-yet.asc", armored(future.Cert().WriteArmored), Result{Outcome: Verified}},
		{"revoked.asc", revoke(ada), Result{Outcome: Verified}},
		{"revoked-afterwards.asc", slices.Concat(armored(ada.Cert().WriteArmored), revoke(ada)), Result{Outcome: Verified}},
		{"secret.asc", armored(ben.WriteArmored), Result{Outcome: Verified, Usable: 1}},
		{"secret.pgp", secret, Result{Outcome: Verified, Usable: 1}},
		{"locked.asc", armored(locked.WriteArmored), Result{Outcome: Refused, Usable: 2, Reason: "is locked with a passphrase"}},
		{"empty.gpg", nil, Result{Outcome: Refused, Reason: "no OpenPGP key found"}},
		{"random.pgp", random, Result{Outcome: Refused}},
		{"text.key", []byte("no key\n"), Result{Outcome: Refused, Reason: "no OpenPGP key found"}},
		{"half.pgp", cert[:len(cert)/2], Result{Outcome: Refused}},
		{"damaged.pgp", damaged, Result{Outcome: Refused}},
		{"half.asc", armored(ada.Cert().WriteArmored)[:300], Result{Outcome: Refused}},
		{"gigabytes.pgp", append([]byte{0xc6, 0xff, 0xff, 0xff, 0xff, 0xf0}, cert...), Result{Outcome: Refused}},
		{"message.asc", []byte("-----BEGIN PGP MESSAGE-----\n\nyw==\n-----END PGP MESSAGE-----\n"), Result{Outcome: Refused, Reason: "holds no keys"}},
		{"compressed.pgp", []byte{0xc8, 0x03, 0x01, 0x03, 0x00}, Result{Outcome: Refused}},
	}
	want := make(map[string]Result)
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(folder, f.name), f.octets, 0o600); err != nil {
			t.Fatal(err)
		}
		want[f.name] = f.want
	}
	return want
}
