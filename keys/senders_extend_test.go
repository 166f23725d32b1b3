package keys_test

import (
	"bytes"
	"crypto/rand"
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

// extend extends the keys of h and returns what became of them by their first addresses.
func (h *host) extend(t testing.TB, o keys.ExtendOptions) map[string]keys.Extended {
	t.Helper()
	all, err := h.senders.Extend(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	byAddress := make(map[string]keys.Extended)
	for _, e := range all {
		byAddress[e.Addresses[0]] = e
	}
	return byAddress
}

// otherHost shares the database of h, and has a copy of the secret keys as they are now.
func (h *host) otherHost(t testing.TB) *host {
	t.Helper()
	other := h.process(t)
	other.secretDir = filepath.Join(t.TempDir(), "secret")
	if err := os.CopyFS(other.secretDir, os.DirFS(h.secretDir)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(other.secretDir, 0o700); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(other.secretDir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if err := os.Chmod(file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return other.process(t)
}

// wantLives asks that the key of an address signs and is encrypted to until a time, in h and in another process, and
// that the secret key and the stored certificate say the same.
func (h *host) wantLives(t testing.TB, address string, until time.Time) {
	t.Helper()
	entries, err := h.local.Get(t.Context(), address)
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	now := h.clock.Now()
	if end, expires := entries[0].Cert.Expires(now); !expires || !end.Equal(until) {
		t.Errorf("%s: the certificate expires %t on %v, want %v", address, expires, end, until)
	}
	for _, p := range []*host{h, h.process(t)} {
		signer, err := p.senders.Signer(t.Context(), addr(t, address))
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		if err := signer.Check(until); err != nil {
			t.Errorf("%s does not sign on its last day: %v", address, err)
		}
		if !bytes.Equal(signer.Cert().Bytes(), entries[0].Cert.Bytes()) {
			t.Errorf("%s: the secret key and the certificate differ", address)
		}
	}
}

func TestExtend(t *testing.T) {
	for _, place := range []keys.SecretPlace{keys.InFiles, keys.InDatabase} {
		h := newHost(t)
		h.passphrase = []byte("at rest")
		h = h.in(t, place)
		made, err := h.senders.Generate(t.Context(), addr(t, "alice@example.org"), keys.GenerateOptions{Lifetime: 100 * day})
		if err != nil {
			t.Fatal(err)
		}
		daemon := h.process(t)
		if _, err := daemon.signs(t, "alice@example.org"); err != nil {
			t.Fatal(err)
		}
		h.clock.advance(39 * day)
		if got := h.extend(t, keys.ExtendOptions{}); len(got) != 0 {
			t.Errorf("too early: %+v", got)
		}
		h.clock.advance(day)
		until := h.clock.Now().Add(365 * day)
		e := h.extend(t, keys.ExtendOptions{})["alice@example.org"]
		if e.Err != nil || e.Fingerprint != made.Fingerprint || !e.Before.Equal(noon.Add(100*day)) || !e.Until.Equal(until) {
			t.Errorf("%+v", e)
		}
		h.wantLives(t, "alice@example.org", until)
		daemon.wantLives(t, "alice@example.org", until)
		list, err := h.senders.List(t.Context())
		if err != nil || !list[0].Locked {
			t.Errorf("%+v, %v", list, err)
		}
		if got := daemon.extend(t, keys.ExtendOptions{}); len(got) != 0 {
			t.Errorf("again: %+v", got)
		}
		h.clock.advance(400 * day) // nobody called in time
		h.extend(t, keys.ExtendOptions{By: 100 * day})
		h.wantLives(t, "alice@example.org", h.clock.Now().Add(100*day))
	}
}

func TestExtendImportedOnlyIfAsked(t *testing.T) {
	h := newHost(t)
	importOne(t, h.senders, keys.ImportOptions{}, armored(t, generate(t, "alice@example.org", day, 10*day)))
	if got := h.extend(t, keys.ExtendOptions{}); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	h.extend(t, keys.ExtendOptions{Imported: true, Within: 20 * day, By: 30 * day})
	h.wantLives(t, "alice@example.org", noon.Add(30*day))
	if _, err := h.senders.Extend(t.Context(), keys.ExtendOptions{Within: 30 * day, By: 30 * day}); err == nil {
		t.Error("keys would be extended again at each call")
	}
}

// TestExtendTwoHosts has hosts with their own copies of the secret keys and one database.
func TestExtendTwoHosts(t *testing.T) {
	a := newHost(t)
	if _, err := a.senders.Generate(t.Context(), addr(t, "alice@example.org"), keys.GenerateOptions{Lifetime: 10 * day}); err != nil {
		t.Fatal(err)
	}
	b := a.otherHost(t)
	a.extend(t, keys.ExtendOptions{})
	until := noon.Add(365 * day)
	a.clock.advance(day)
	e := b.extend(t, keys.ExtendOptions{})["alice@example.org"]
	if e.Err != nil || !e.Before.Equal(noon.Add(10*day)) || !e.Until.Equal(until) {
		t.Errorf("%+v", e)
	}
	a.wantLives(t, "alice@example.org", until)
	b.wantLives(t, "alice@example.org", until)
}

// TestExtendAtOnce has several processes of two hosts extend one key in the same moment: it is signed once.
func TestExtendAtOnce(t *testing.T) {
	a := newHost(t)
	if _, err := a.senders.Generate(t.Context(), addr(t, "alice@example.org"), keys.GenerateOptions{Lifetime: 10 * day}); err != nil {
		t.Fatal(err)
	}
	a.clock.advance(day)
	b := a.otherHost(t)
	var all sync.WaitGroup
	for _, p := range []*host{a, a.process(t), b, b.process(t)} {
		all.Go(func() { p.extend(t, keys.ExtendOptions{}) })
	}
	all.Wait()
	for _, p := range []*host{a, b} {
		for address, e := range p.extend(t, keys.ExtendOptions{}) {
			t.Errorf("something was left to do for %s: %+v", address, e)
		}
		p.wantLives(t, "alice@example.org", noon.Add(366*day))
	}
}

// TestExtendAfterCrash has an extension that ended after the key was stored, but not yet the certificate.
func TestExtendAfterCrash(t *testing.T) {
	h := newHost(t)
	key := generate(t, "alice@example.org", day, 10*day)
	importOne(t, h.senders, keys.ImportOptions{}, armored(t, key))
	until := noon.Add(300 * day)
	extended, err := key.Extend(until, crypto.ExtendOptions{Now: noon, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	b, err := extended.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.secretFile(key.Fingerprint()), b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := h.signs(t, "alice@example.org"); err != nil {
		t.Errorf("the key does not work: %v", err)
	}
	if e, found := h.extend(t, keys.ExtendOptions{})["alice@example.org"]; !found || e.Err != nil || !e.Until.Equal(until) {
		t.Errorf("%+v", e)
	}
	h.wantLives(t, "alice@example.org", until)
}

// TestExtendWhileAnotherImports has the key stored anew, with another lock, while it is being extended.
func TestExtendWhileAnotherImports(t *testing.T) {
	for _, place := range []keys.SecretPlace{keys.InFiles, keys.InDatabase} {
		h := newHost(t)
		h.passphrase = []byte("at rest")
		h = h.in(t, place)
		other := h.process(t)
		other.passphrase = []byte("at rest, too")
		key := armored(t, generate(t, "alice@example.org", day, 10*day))
		importOne(t, h.senders, keys.ImportOptions{}, key)
		h.asked = func() {
			h.asked = nil
			importOne(t, other.senders, keys.ImportOptions{}, key)
		}
		e := h.extend(t, keys.ExtendOptions{Imported: true})["alice@example.org"]
		if !errors.Is(e.Err, crypto.ErrPassphrase) {
			t.Errorf("it is not read again: %+v", e)
		}
		if _, err := other.signs(t, "alice@example.org"); err != nil {
			t.Errorf("the new lock is gone: %v", err)
		}
	}
}

// TestExtendServesNoFurtherAddress has a stored certificate with a User ID that its owner added elsewhere, for somebody
// else's address.
func TestExtendServesNoFurtherAddress(t *testing.T) {
	home := newGnuPGHome(t)
	gpg := func(args ...string) []byte {
		t.Helper()
		out, err := home.command(t.Context(), append([]string{"--faked-system-time", noon.Format("20060102T150405!")}, args...)...).Output()
		if err != nil {
			t.Fatalf("gpg %q: %v", args, err)
		}
		return out
	}
	gpg("--quick-generate-key", "alice@example.org", "default", "default", "10d")
	h := newHost(t)
	alice := importOne(t, h.senders, keys.ImportOptions{}, gpg("--export-secret-keys"))
	gpg("--quick-add-uid", alice.Fingerprint, "bob@example.com")
	vks := &keyserver{provider: provider{name: "vks", err: errNone}, ring: gpg("--export")}
	d := h.directory(h.local, vks)
	d.Lookup(t.Context(), addr(t, "alice@example.org"))
	if _, err := d.Refresh(t.Context(), addr(t, "alice@example.org")); err != nil {
		t.Fatal(err)
	}
	entries, err := h.local.Get(t.Context(), alice.Fingerprint)
	if err != nil || len(entries) != 1 || len(entries[0].Cert.Addrs()) != 2 {
		t.Fatalf("the other User ID was not learned: %+v, %v", entries, err)
	}
	h.clock.advance(day)
	if e := h.extend(t, keys.ExtendOptions{Imported: true})["alice@example.org"]; e.Err != nil || !e.Until.Equal(noon.Add(366*day)) {
		t.Errorf("%+v", e)
	}
	if certs, err := h.local.Lookup(t.Context(), addr(t, "bob@example.com")); !errors.Is(err, keys.ErrNotFound) {
		t.Errorf("it serves bob: %v, %v", fingerprints(certs), err)
	}
}

// TestExtendReportsFailures has keys that cannot be extended beside one that can.
func TestExtendReportsFailures(t *testing.T) {
	h := newHost(t)
	if _, err := h.senders.Generate(t.Context(), addr(t, "alice@example.org"), keys.GenerateOptions{Lifetime: 10 * day}); err != nil {
		t.Fatal(err)
	}
	h.passphrase = []byte("at rest")
	locked := importOne(t, h.senders, keys.ImportOptions{}, armored(t, generate(t, "bob@example.org", 0, 10*day)))
	broken := importOne(t, h.senders, keys.ImportOptions{}, armored(t, generate(t, "carol@example.org", 0, 10*day)))
	importOne(t, h.senders, keys.ImportOptions{}, armored(t, generate(t, "dora@example.org", 0, 0)))
	if err := os.Remove(h.secretFile(broken.Fingerprint)); err != nil {
		t.Fatal(err)
	}
	h.passphrase = []byte("changed")
	h.clock.advance(day)
	got := h.extend(t, keys.ExtendOptions{Imported: true})
	if len(got) != 3 || got["alice@example.org"].Err != nil {
		t.Errorf("%+v", got)
	}
	for address, want := range map[string]string{"bob@example.org": "does not unlock", "carol@example.org": "restore it from a backup"} {
		if e := got[address]; e.Err == nil || !strings.Contains(e.Err.Error(), want) || !e.Until.Equal(e.Before) {
			t.Errorf("%s: %+v, want %q", address, e, want)
		}
	}
	if err := got["bob@example.org"].Err; !errors.Is(err, crypto.ErrPassphrase) || !strings.Contains(err.Error(), locked.Fingerprint) {
		t.Errorf("%v", err)
	}
	h.wantLives(t, "alice@example.org", noon.Add(366*day))
}

// TestExtendLeavesRevokedKeys asks, too, that the revocation of the certificate reaches the secret key.
func TestExtendLeavesRevokedKeys(t *testing.T) {
	h := newHost(t)
	made, err := h.senders.Generate(t.Context(), addr(t, "alice@example.org"), keys.GenerateOptions{Lifetime: 10 * day})
	if err != nil {
		t.Fatal(err)
	}
	importOne(t, h.local, keys.ImportOptions{}, h.revocationOf(t, "alice@example.org"))
	h.extend(t, keys.ExtendOptions{})
	list, err := h.senders.List(t.Context())
	if err != nil || list[0].Cert.Check(noon) == nil {
		t.Errorf("%+v, %v", list, err)
	}
	if end, _ := list[0].Cert.Expires(noon); !end.Equal(noon.Add(10 * day)) {
		t.Errorf("the revoked key %s lives until %v", made.Fingerprint, end)
	}
	entries, err := h.local.Get(t.Context(), made.Fingerprint)
	if err != nil || entries[0].Cert.Check(noon) == nil {
		t.Errorf("%+v, %v", entries, err)
	}
}
