package keys_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealmilter/crypto"
	"sealmilter/keys"
)

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
			if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 4 || h.secretFiles(t) != 2 {
				t.Errorf("%d files for two keys and their revocation certificates, %v", len(entries), err)
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
				h.passphrase, h.exact = []byte(tc.configured), true
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

// TestImportOfAFormerKey imports all keys once more, as after a change of the passphrase, in both orders: the former key
// stays a former one, unless somebody asks for it.
func TestImportOfAFormerKey(t *testing.T) {
	const alice = "alice@example.org"
	h := newHost(t)
	h.passphrase = []byte("at rest")
	former, current := generate(t, alice, 0, 0), generate(t, alice, 0, 0)
	importOne(t, h.senders, keys.ImportOptions{}, armored(t, former))
	importOne(t, h.senders, keys.ImportOptions{}, armored(t, current))
	signs := func(want *crypto.SecretKey) {
		t.Helper()
		if fingerprint, err := h.signs(t, alice); fingerprint != want.Fingerprint() || err != nil {
			t.Errorf("%s signs, not %s, %v", fingerprint, want.Fingerprint(), err)
		}
	}
	for _, key := range []*crypto.SecretKey{former, current, former} {
		if i := importOne(t, h.senders, keys.ImportOptions{}, armored(t, key)); i.Outcome != keys.Unchanged ||
			(key == former) != strings.Contains(strings.Join(i.Notes, "\n"), current.Fingerprint()+" goes on signing for "+alice) {
			t.Errorf("%+v", i)
		}
		signs(current)
	}
	if err := os.Remove(h.secretFile(former.Fingerprint())); err != nil { // as when the keys move to a database
		t.Fatal(err)
	}
	if i := importOne(t, h.senders, keys.ImportOptions{}, armored(t, former)); i.Outcome != keys.Added {
		t.Errorf("%+v", i)
	}
	signs(current)

	i := importOne(t, h.senders, keys.ImportOptions{For: mailAddrs(t, alice)}, armored(t, former))
	if i.Outcome != keys.Updated || !strings.Contains(strings.Join(i.Notes, "\n"), "takes the place of "+current.Fingerprint()) {
		t.Errorf("asked for: %+v", i)
	}
	signs(former)
}
