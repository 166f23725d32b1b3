package keys_test

import (
	"path/filepath"
	"testing"
)

func (h *host) secretFile(fingerprint string) string {
	return filepath.Join(h.secretDir, fingerprint+".pgp")
}

// signs reports the fingerprint of the key that signs for an address.
func (h *host) signs(t testing.TB, address string) (string, error) {
	t.Helper()
	signer, err := h.senders.Signer(t.Context(), addr(t, address))
	if err != nil {
		if signer != nil {
			t.Errorf("a signer came with the error %v", err)
		}
		return "", err
	}
	return signer.Cert().Fingerprint(), nil
}

// secretFiles returns how many secret key files there are.
func (h *host) secretFiles(t testing.TB) int {
	t.Helper()
	files, err := filepath.Glob(h.secretFile("*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}
