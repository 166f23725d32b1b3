package keys_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sealmilter/crypto"
	"sealmilter/keys"
)

// TestSignerThatDoesNotWork holds to the promise that a key which is there but does not work is never taken for none,
// by a process that has it in memory no more than by one that has not.
func TestSignerThatDoesNotWork(t *testing.T) {
	const thisFile = "(the path of the file)"
	key := generate(t, "alice@example.org", 0, 30*24*time.Hour)
	other, err := generate(t, "bob@example.org", 0, 0).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		spoil func(h *host, file string) error
		want  string
	}{
		{"file is gone", func(_ *host, file string) error { return os.Remove(file) }, "restore it from a backup"},
		{"file is garbage", func(_ *host, file string) error { return os.WriteFile(file, []byte("garbage"), 0o600) }, thisFile},
		{"file is empty", func(_ *host, file string) error { return os.Truncate(file, 0) }, thisFile},
		{"file of another key", func(_ *host, file string) error { return os.WriteFile(file, other, 0o600) }, "holds another key"},
		{"group may read the file", func(_ *host, file string) error { return os.Chmod(file, 0o640) }, "chmod 0600"},
		{"others may enter the directory", func(_ *host, file string) error { return os.Chmod(filepath.Dir(file), 0o711) }, "chmod 0700"},
		{"file is a link", func(_ *host, file string) error {
			return errors.Join(os.Rename(file, file+"2"), os.Symlink(file+"2", file))
		}, "not a regular file"},
		{"expired", func(h *host, _ string) error { h.clock.advance(31 * 24 * time.Hour); return nil }, "expired on 2026-03-31"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			warm := newHost(t)
			cold := warm.process(t)
			importOne(t, warm.senders, keys.ImportOptions{}, armored(t, key))
			if _, err := warm.signs(t, "alice@example.org"); err != nil {
				t.Fatal(err)
			}
			file := warm.secretFile(key.Fingerprint())
			if err := tc.spoil(warm, file); err != nil {
				t.Fatal(err)
			}
			want := strings.ReplaceAll(tc.want, thisFile, file)
			for _, p := range []*host{warm, cold} {
				_, err := p.signs(t, "alice@example.org")
				if err == nil || errors.Is(err, keys.ErrNoSecretKey) || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want %q", err, want)
				}
			}
		})
	}
}

func TestSignerWithoutTheRightPassphrase(t *testing.T) {
	h := newHost(t)
	h.passphrase = []byte("at rest")
	importOne(t, h.senders, keys.ImportOptions{}, armored(t, generate(t, "alice@example.org", 0, 0)))
	for passphrase, want := range map[string]string{"": "none is configured", "changed": "does not unlock"} {
		h.passphrase = nil
		if passphrase != "" {
			h.passphrase = []byte(passphrase)
		}
		if _, err := h.signs(t, "alice@example.org"); err == nil || errors.Is(err, keys.ErrNoSecretKey) || !strings.Contains(err.Error(), want) {
			t.Errorf("passphrase %q: %v, want %q", passphrase, err, want)
		}
	}
	h.passphrase = []byte("at rest")
	if _, err := h.signs(t, "alice@example.org"); err != nil {
		t.Errorf("with the passphrase back: %v", err)
	}
	h.store.Close()
	if _, err := h.signs(t, "alice@example.org"); err == nil || errors.Is(err, keys.ErrNoSecretKey) {
		t.Errorf("without the store: %v", err)
	}
}

func TestRevokedSenderKeySignsNoMore(t *testing.T) {
	h := newHost(t)
	importOne(t, h.senders, keys.ImportOptions{Passphrase: []byte("correct horse")}, testdata(t, "greta-secret.asc"))
	if _, err := h.signs(t, "greta@example.org"); err != nil {
		t.Fatal(err)
	}
	importOne(t, h.process(t).local, keys.ImportOptions{}, testdata(t, "greta-revoked.asc"))
	_, err := h.signs(t, "greta@example.org")
	if err == nil || errors.Is(err, keys.ErrNoSecretKey) || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("error %v", err)
	}
	i := importOne(t, h.senders, keys.ImportOptions{Passphrase: []byte("correct horse")}, testdata(t, "greta-secret.asc"))
	if i.Outcome != keys.Refused || !strings.Contains(i.Err.Error(), "revoked") {
		t.Errorf("%+v", i)
	}
}

// TestSignersAreUnlockedOnce is for the race detector, and asks that the passphrase is not needed for each message.
func TestSignersAreUnlockedOnce(t *testing.T) {
	h := newHost(t)
	h.passphrase = []byte("at rest")
	made, err := h.senders.Generate(t.Context(), addr(t, "alice@example.org"), keys.GenerateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want, err := h.senders.Signer(t.Context(), addr(t, "alice@example.org"))
	if err != nil {
		t.Fatal(err)
	}
	alice := addr(t, "alice@example.org")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if got, err := h.senders.Signer(t.Context(), alice); got != want || err != nil {
				t.Errorf("another signer, %v", err)
			}
		})
	}
	all.Wait()

	// A new file, such as one with a later expiry, takes effect at once.
	b, err := os.ReadFile(h.secretFile(made.Fingerprint))
	if err != nil {
		t.Fatal(err)
	}
	replacement := h.secretFile(made.Fingerprint) + ".new"
	if err := errors.Join(os.WriteFile(replacement, b, 0o600), os.Rename(replacement, h.secretFile(made.Fingerprint))); err != nil {
		t.Fatal(err)
	}
	if got, err := h.senders.Signer(t.Context(), alice); got == want || err != nil {
		t.Errorf("the same signer, %v", err)
	}
}

// TestWaitingForAKeyEndsWithTheContext has one message unlock a key, and another one give up meanwhile. A message of another
// sender does not wait at all.
func TestWaitingForAKeyEndsWithTheContext(t *testing.T) {
	h := newHost(t)
	h.passphrase = []byte("at rest")
	importOne(t, h.senders, keys.ImportOptions{}, armored(t, generate(t, "alice@example.org", 0, 0)))
	h.passphrase = nil
	importOne(t, h.senders, keys.ImportOptions{}, armored(t, generate(t, "bob@example.org", 0, 0)))
	unlocking, release := make(chan struct{}), make(chan struct{})
	h.passphrase = []byte("at rest")
	h.asked = func() {
		close(unlocking)
		<-release
	}
	unlocked := make(chan error)
	go func() {
		_, err := h.senders.Signer(t.Context(), addr(t, "alice@example.org"))
		unlocked <- err
	}()
	<-unlocking
	if _, err := h.signs(t, "bob@example.org"); err != nil {
		t.Error(err)
	}
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.senders.Signer(impatient, addr(t, "alice@example.org")); !errors.Is(err, context.Canceled) {
		t.Errorf("who has gone waits: %v", err)
	}
	close(release)
	if err := <-unlocked; err != nil {
		t.Error(err)
	}
}

// TestSenderChangesElsewhere has another process give an address another key, take that away, and revoke.
func TestSenderChangesElsewhere(t *testing.T) {
	h := newHost(t)
	other := h.process(t)
	first, second := generate(t, "alice@example.org", 0, 0), generate(t, "alice@example.org", 0, 0)
	for _, key := range []*crypto.SecretKey{first, second} {
		importOne(t, other.senders, keys.ImportOptions{}, armored(t, key))
		for range 2 {
			if fingerprint, err := h.signs(t, "alice@example.org"); fingerprint != key.Fingerprint() || err != nil {
				t.Errorf("%s, %v, want %s", fingerprint, err, key.Fingerprint())
			}
		}
	}
	if err := other.senders.Remove(t.Context(), "alice@example.org"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.signs(t, "alice@example.org"); !errors.Is(err, keys.ErrNoSecretKey) {
		t.Errorf("after removal: %v", err)
	}
}
