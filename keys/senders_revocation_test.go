package keys_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"sealmilter/keys"
)

// revocationOf returns the revocation certificate with its safety catch off.
func (h *host) revocationOf(t testing.TB, which string) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := h.senders.Revocation(t.Context(), &out, which); err != nil {
		t.Fatal(err)
	}
	return bytes.Replace(out.Bytes(), []byte("\n:-----"), []byte("\n-----"), 1)
}

// TestRevocation uses the certificates that were made when keys came, without their secrets and passphrases.
func TestRevocation(t *testing.T) {
	ctx := t.Context()
	for _, place := range []keys.SecretPlace{keys.InFiles, keys.InDatabase} {
		h := newHost(t)
		h.passphrase = []byte("at rest")
		h = h.in(t, place)
		made, err := h.senders.Generate(ctx, addr(t, "alice@example.org"), keys.GenerateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		importOne(t, h.senders, keys.ImportOptions{Passphrase: []byte("correct horse")}, testdata(t, "greta-secret.asc"))
		greta, err := h.signs(t, "greta@example.org")
		if err != nil {
			t.Fatal(err)
		}
		if place == keys.InFiles {
			info, err := os.Stat(strings.TrimSuffix(h.secretFile(made.Fingerprint), ".pgp") + ".rev")
			if err != nil || info.Mode() != 0o600 {
				t.Errorf("%v, %v", info, err)
			}
		}
		if err := h.senders.Remove(ctx, greta); err != nil {
			t.Fatal(err)
		}
		h.passphrase = []byte("forgotten")
		for which, fingerprint := range map[string]string{"alice@example.org": made.Fingerprint, greta: greta} {
			text := h.revocationOf(t, which)
			if !bytes.Contains(text, []byte(fingerprint)) {
				t.Errorf("the text does not name the key:\n%s", text)
			}
			importOne(t, h.local, keys.ImportOptions{}, text)
			if entries, err := h.local.Get(ctx, fingerprint); err != nil || entries[0].Cert.Check(noon) == nil {
				t.Errorf("%s is not revoked, %v", which, err)
			}
		}
		h.passphrase = []byte("at rest")
		if _, err := h.signs(t, "alice@example.org"); err == nil || !strings.Contains(err.Error(), "revoked") {
			t.Errorf("signs: %v", err)
		}
	}
}

// TestRevocationMadeLater is about a key that is there without a revocation certificate.
func TestRevocationMadeLater(t *testing.T) {
	h := newHost(t)
	h.passphrase = []byte("at rest")
	key := generate(t, "alice@example.org", 0, 0)
	importOne(t, h.senders, keys.ImportOptions{}, armored(t, key))
	file := strings.TrimSuffix(h.secretFile(key.Fingerprint()), ".pgp") + ".rev"
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	first := h.revocationOf(t, "alice@example.org")
	if again := h.revocationOf(t, key.Fingerprint()); !bytes.Equal(first, again) {
		t.Error("another one is made the second time")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	h.passphrase = []byte("forgotten")
	var out bytes.Buffer
	if err := h.senders.Revocation(t.Context(), &out, "alice@example.org"); err == nil || errors.Is(err, keys.ErrNoSecretKey) || out.Len() > 0 {
		t.Errorf("%v, %q", err, &out)
	}
	for _, which := range []string{"bob@example.org", strings.Repeat("A", 40)} {
		if err := h.senders.Revocation(t.Context(), &out, which); !errors.Is(err, keys.ErrNoSecretKey) {
			t.Errorf("%s: %v", which, err)
		}
	}
}
