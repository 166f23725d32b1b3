package keys_test

import (
	"errors"
	"os"
	"testing"

	"sealmilter/crypto"
	"sealmilter/keys"
)

func TestTryPassphrase(t *testing.T) {
	h := newHost(t)
	h.exact = true
	try := func(step, passphrase string, want error) {
		t.Helper()
		h.passphrase = nil
		if passphrase != "" {
			h.passphrase = []byte(passphrase)
		}
		for range 2 { // the second time it is remembered
			if err := h.senders.TryPassphrase(t.Context()); !errors.Is(err, want) || (err == nil) != (want == nil) {
				t.Errorf("%s: %v, want %v", step, err, want)
			}
		}
	}
	try("no key", "at rest", nil)
	importOne(t, h.senders, keys.ImportOptions{}, armored(t, generate(t, "bob@example.org", 0, 0)))
	try("the one", "at rest", nil)
	try("another", "wrong", crypto.ErrPassphrase)
	try("the one again", "at rest", nil)
	try("none is set", "", nil)

	h.passphrase = []byte("wrong")
	alice := importOne(t, h.senders, keys.ImportOptions{}, armored(t, generate(t, "alice@example.org", 0, 0)))
	try("one key has another passphrase", "at rest", nil)
	try("neither", "neither", crypto.ErrPassphrase)
	importOne(t, h.senders, keys.ImportOptions{Passphrase: []byte("wrong")}, fileOf(t, h.secretFile(alice.Fingerprint)))
	try("locked anew", "neither", nil)
}

func fileOf(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
