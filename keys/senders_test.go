package keys_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sealmilter/crypto"
	"sealmilter/keys"
)

func (h *host) secretFile(fingerprint string) string {
	return filepath.Join(h.dir, "secret", fingerprint+".pgp")
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

func TestImportSecretKey(t *testing.T) {
	for _, passphrase := range []string{"", "at rest"} {
		t.Run("passphrase "+passphrase, func(t *testing.T) {
			h := newHost(t)
			if passphrase != "" {
				h.passphrase = []byte(passphrase)
			}
			alice, bob := generate(t, "alice@example.org", 0, 0), generate(t, "bob@example.org", 0, 0)
			options := keys.ImportOptions{For: mailAddrs(t, "office@example.org")}
			for _, want := range []keys.Outcome{keys.Added, keys.Unchanged} {
				i := importOne(t, h.senders, options, armored(t, alice))
				if i.Outcome != want || !i.Secret || i.Unprotected != (passphrase == "") || i.Fingerprint != alice.Fingerprint() {
					t.Errorf("%+v, want %v", i, want)
				}
			}
			all := importAll(t, h.senders, keys.ImportOptions{}, armored(t, bob.Cert()), armored(t, bob))
			if len(all) != 2 || all[0].Secret || !all[1].Secret || all[1].Outcome != keys.Added {
				t.Errorf("certificate and secret key: %+v", all)
			}

			for address, want := range map[string]*crypto.SecretKey{
				"alice@example.org": alice, "ALICE@example.org": alice, "office@example.org": alice, "bob@example.org": bob,
			} {
				if fingerprint, err := h.signs(t, address); fingerprint != want.Fingerprint() || err != nil {
					t.Errorf("%s: %s, %v", address, fingerprint, err)
				}
				if a := h.directory(h.local).Lookup(t.Context(), addr(t, address)); a.Status != keys.Found {
					t.Errorf("%s: %+v", address, a)
				}
			}
			for _, address := range []string{"carol@example.org", "alice+tag@example.org"} {
				if _, err := h.signs(t, address); !errors.Is(err, keys.ErrNoSecretKey) || !strings.Contains(err.Error(), address) {
					t.Errorf("%s: %v", address, err)
				}
			}

			file := h.secretFile(alice.Fingerprint())
			for path, want := range map[string]os.FileMode{file: 0o600, filepath.Dir(file): os.ModeDir | 0o700} {
				if info, err := os.Stat(path); err != nil || info.Mode() != want {
					t.Errorf("%s: mode %v, %v", path, info.Mode(), err)
				}
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if key, err := crypto.ParseSecretKey(b); err != nil || key.Locked() != (passphrase != "") {
				t.Errorf("locked: %t, %v", key.Locked(), err)
			}
			if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 2 {
				t.Errorf("%d files for two keys, %v", len(entries), err)
			}
		})
	}
}

func TestImportLockedSecretKey(t *testing.T) {
	const greta = "greta@example.org"
	for _, tc := range []struct {
		name       string
		file       string
		own        string
		configured string
		refused    string
	}{
		{"its own passphrase", "greta-secret.asc", "correct horse", "", ""},
		{"its own passphrase, then the configured one", "greta-secret.asc", "correct horse", "at rest", ""},
		{"the configured passphrase", "greta-secret.asc", "", "correct horse", ""},
		{"the configured passphrase after a wrong one", "greta-secret.asc", "wrong", "correct horse", ""},
		{"wrong passphrases", "greta-secret.asc", "wrong", "wrong, too", "does not unlock"},
		{"no passphrase", "greta-secret.asc", "", "", "give the one it was exported with"},
		{"the primary key's secret left out", "greta-secret-without-primary.asc", "correct horse", "", "cannot sign"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHost(t)
			var options keys.ImportOptions
			if tc.own != "" {
				options.Passphrase = []byte(tc.own)
			}
			if tc.configured != "" {
				h.passphrase = []byte(tc.configured)
			}
			i := importOne(t, h.senders, options, testdata(t, tc.file))
			fingerprint, err := h.signs(t, greta)
			if tc.refused != "" {
				if i.Outcome != keys.Refused || !strings.Contains(i.Err.Error(), tc.refused) || i.Fingerprint == "" {
					t.Errorf("%+v, want %q", i, tc.refused)
				}
				if !errors.Is(err, keys.ErrNoSecretKey) {
					t.Errorf("signs with %s, %v", fingerprint, err)
				}
				if _, err := os.Stat(h.secretFile(i.Fingerprint)); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("the refused key is in its file, %v", err)
				}
				if _, err := h.local.Get(t.Context(), greta); err != nil {
					t.Errorf("the certificate: %v", err)
				}
				return
			}
			if i.Outcome != keys.Added || i.Err != nil || fingerprint != i.Fingerprint || err != nil {
				t.Errorf("%+v, signs with %s, %v", i, fingerprint, err)
			}
		})
	}
}

func TestImportTakesThePlaceOfTheOldKey(t *testing.T) {
	h := newHost(t)
	first, second := generate(t, "alice@example.org", 0, 0), generate(t, "alice@example.org", 0, 0)
	importOne(t, h.senders, keys.ImportOptions{}, armored(t, first))
	i := importOne(t, h.senders, keys.ImportOptions{}, armored(t, second))
	if !strings.Contains(strings.Join(i.Notes, "\n"), "takes the place of "+first.Fingerprint()) {
		t.Errorf("%+v", i)
	}
	if fingerprint, err := h.signs(t, "alice@example.org"); fingerprint != second.Fingerprint() {
		t.Errorf("%s, %v", fingerprint, err)
	}
	expired := generate(t, "alice@example.org", 48*time.Hour, 24*time.Hour)
	if i := importOne(t, h.senders, keys.ImportOptions{}, armored(t, expired)); i.Outcome != keys.Refused || !strings.Contains(i.Err.Error(), "expired on") {
		t.Errorf("%+v", i)
	}
	if fingerprint, err := h.signs(t, "alice@example.org"); fingerprint != second.Fingerprint() {
		t.Errorf("after an expired key: %s, %v", fingerprint, err)
	}
}

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

func TestGenerate(t *testing.T) {
	for _, passphrase := range [][]byte{nil, []byte("at rest")} {
		h := newHost(t)
		h.passphrase = passphrase
		made, err := h.senders.Generate(t.Context(), addr(t, "Alice@example.org"), keys.GenerateOptions{Name: "Alice A."})
		if err != nil {
			t.Fatal(err)
		}
		if made.Address != "alice@example.org" || made.Locked != (passphrase != nil) || !slices.Equal(made.Cert.UserIDs(), []string{"Alice A. <Alice@example.org>"}) {
			t.Errorf("%+v with %q", made, made.Cert.UserIDs())
		}
		if expiry, ok := made.Cert.Expires(noon); !ok || !expiry.Equal(noon.Add(keys.DefaultLifetime)) {
			t.Errorf("expires %t on %v", ok, expiry)
		}
		if fingerprint, err := h.signs(t, "alice@example.org"); fingerprint != made.Fingerprint || err != nil {
			t.Errorf("signs with %s, %v", fingerprint, err)
		}
		if a := h.directory(h.local).Lookup(t.Context(), addr(t, "alice@example.org")); a.Status != keys.Found {
			t.Errorf("%+v", a)
		}
		if _, err := h.senders.Generate(t.Context(), addr(t, "alice@example.org"), keys.GenerateOptions{}); !errors.Is(err, keys.ErrHasSecretKey) {
			t.Errorf("again: %v", err)
		}
	}
}

// TestGenerateOnce has two processes make the first key of one sender in the same moment.
func TestGenerateOnce(t *testing.T) {
	a := newHost(t)
	b := a.process(t)
	var all sync.WaitGroup
	made := make(chan string, 4)
	for _, p := range []*host{a, a, b, b} {
		all.Go(func() {
			key, err := p.senders.Generate(t.Context(), addr(t, "alice@example.org"), keys.GenerateOptions{})
			switch {
			case err == nil:
				made <- key.Fingerprint
			case !errors.Is(err, keys.ErrHasSecretKey):
				t.Error(err)
			}
		})
	}
	all.Wait()
	close(made)
	first, more := <-made, len(made)
	if fingerprint, err := b.signs(t, "alice@example.org"); fingerprint != first || more > 0 || err != nil {
		t.Errorf("%d more keys, signs with %s of %s, %v", more, fingerprint, first, err)
	}
	if files, err := os.ReadDir(filepath.Join(a.dir, "secret")); err != nil || len(files) != 1 {
		t.Errorf("%d files, %v", len(files), err)
	}
}

func TestSendersListExportRemove(t *testing.T) {
	ctx := t.Context()
	h := newHost(t)
	h.passphrase = []byte("at rest")
	daemon := h.process(t)
	alice, bob, carol := generate(t, "alice@example.org", 0, 0), generate(t, "bob@example.org", 0, 0), generate(t, "carol@example.org", 0, 0)
	importAll(t, h.senders, keys.ImportOptions{For: mailAddrs(t, "office@example.org")}, armored(t, alice))
	importAll(t, h.senders, keys.ImportOptions{}, armored(t, bob))
	if err := os.Chmod(h.secretFile(bob.Fingerprint()), 0o644); err != nil {
		t.Fatal(err)
	}
	list, err := h.senders.List(ctx)
	if err != nil || len(list) != 3 {
		t.Fatal(list, err)
	}
	for i, want := range []string{"alice@example.org", "bob@example.org", "office@example.org"} {
		readable := want != "bob@example.org"
		if k := list[i]; k.Address != want || !k.Created.Equal(noon) || (k.Err == nil) != readable || k.Locked != readable || (k.Cert != nil) != readable {
			t.Errorf("%+v, want %s", k, want)
		}
	}

	for _, which := range []string{"office@example.org", alice.Fingerprint()} {
		var out bytes.Buffer
		if err := h.senders.Export(ctx, &out, which); err != nil {
			t.Fatal(err)
		}
		ring, err := crypto.ReadKeyring(&out)
		if err != nil || len(ring.Secrets) != 1 || !ring.Secrets[0].Locked() || ring.Secrets[0].Fingerprint() != alice.Fingerprint() {
			t.Errorf("exported %+v, %v", ring, err)
		}
	}

	if _, err := daemon.signs(t, "alice@example.org"); err != nil {
		t.Fatal(err)
	}
	if err := h.senders.Remove(ctx, "office@example.org"); err != nil {
		t.Error(err)
	}
	if fingerprint, err := daemon.signs(t, "alice@example.org"); fingerprint != alice.Fingerprint() {
		t.Errorf("the other address lost its key: %v", err)
	}
	if err := h.senders.Remove(ctx, "alice@example.org"); err != nil {
		t.Error(err)
	}
	if err := h.senders.Remove(ctx, bob.Fingerprint()); err != nil {
		t.Error(err)
	}
	importOne(t, h.senders, keys.ImportOptions{}, armored(t, carol))
	if _, err := daemon.signs(t, "carol@example.org"); err != nil || keys.Unlocked(daemon.senders) != 1 {
		t.Errorf("%d keys unlocked in memory, %v", keys.Unlocked(daemon.senders), err)
	}
	for _, address := range []string{"alice@example.org", "office@example.org", "bob@example.org"} {
		if _, err := daemon.signs(t, address); !errors.Is(err, keys.ErrNoSecretKey) {
			t.Errorf("%s: %v", address, err)
		}
		if err := h.senders.Remove(ctx, address); !errors.Is(err, keys.ErrNoSecretKey) {
			t.Errorf("%s again: %v", address, err)
		}
	}
	if files, err := os.ReadDir(filepath.Join(h.dir, "secret")); err != nil || len(files) != 1 {
		t.Errorf("%d files are left, %v", len(files), err)
	}
	if _, err := h.local.Get(ctx, "alice@example.org"); err != nil {
		t.Errorf("the certificate went with the secret key: %v", err)
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
