package keys_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/store"
	"sealmilter/keys"
)

func assigned(e keys.Entry) []string {
	var all []string
	for _, s := range e.Services {
		if s.Assigned {
			all = append(all, s.Address)
		}
	}
	return all
}

func outcomes(all []keys.Imported) []string {
	var s []string
	for _, i := range all {
		s = append(s, i.Outcome.String())
	}
	return s
}

func TestImportMixedRing(t *testing.T) {
	h := newHost(t)
	alice, bob, carol := generate(t, "alice@example.org", 0, 0), generate(t, "bob@example.org", 0, 0), generate(t, "carol@example.org", 0, 0)
	garbage := []byte("Dear postmaster,\r\nhere are the keys.\r\n-- \r\nAlice\n")
	text := [][]byte{garbage, armored(t, alice.Cert()), garbage, armored(t, bob.Cert()), testdata(t, "no-address.asc"),
		garbage, armored(t, carol), armored(t, alice.Cert()), garbage}
	all := importAll(t, h.local, keys.ImportOptions{}, text...)
	if want := []string{"added", "added", "refused", "refused", "unchanged"}; !slices.Equal(outcomes(all), want) {
		t.Errorf("%q, want %q", outcomes(all), want)
	}
	for i, want := range []string{"", "", "say for which address", "it is a secret key", ""} {
		if err := all[i].Err; (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("key %d: %v, want %q", i, err, want)
		}
	}
	if all[0].Fingerprint != alice.Fingerprint() || !slices.Equal(all[0].UserIDs, alice.Cert().UserIDs()) || all[0].Secret {
		t.Errorf("%+v", all[0])
	}

	binary := bytes.Join([][]byte{alice.Cert().Bytes(), bob.Cert().Bytes(), carol.Cert().Bytes()}, nil)
	if got, want := outcomes(importAll(t, h.local, keys.ImportOptions{}, binary)), []string{"unchanged", "unchanged", "added"}; !slices.Equal(got, want) {
		t.Errorf("binary ring: %q, want %q", got, want)
	}
	for _, address := range []string{"alice@example.org", "bob@example.org", "carol@example.org", "carol+tag@example.org"} {
		if a := h.directory(h.local).Lookup(t.Context(), addr(t, address)); a.Status != keys.Found || a.Source != "local" {
			t.Errorf("%s: %+v", address, a)
		}
	}
}

func TestImportOfNoRing(t *testing.T) {
	h := newHost(t)
	report := func(i keys.Imported) { t.Errorf("%+v", i) }
	for in, want := range map[string]string{
		"":                                     "no OpenPGP key found",
		"hello\n":                              "no OpenPGP key found",
		"\x00\x00\x00\x20\x01\x01\x00\x02KBXf": "gpg --export",
	} {
		err := h.local.Import(t.Context(), strings.NewReader(in), keys.ImportOptions{}, report)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
	}
}

func TestImportKeepsWhatWasReportedBeforeItFailed(t *testing.T) {
	h := newHost(t)
	alice := generate(t, "alice@example.org", 0, 0).Cert()
	broken := errors.New("disk on fire")
	in := &failing{bytes.NewReader(alice.Bytes()), broken}
	var all []keys.Imported
	err := h.local.Import(t.Context(), in, keys.ImportOptions{}, func(i keys.Imported) { all = append(all, i) })
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	entries, err := h.local.Get(t.Context(), alice.Fingerprint())
	if stored := err == nil && len(entries) == 1; stored != slices.Contains(outcomes(all), "added") {
		t.Errorf("stored %t, reported %+v", stored, all)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = h.local.Import(ctx, bytes.NewReader(alice.Bytes()), keys.ImportOptions{}, func(i keys.Imported) { t.Errorf("reported %+v", i) })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// failing is a reader that fails at the end.
type failing struct {
	*bytes.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err != nil {
		err = f.err
	}
	return n, err
}

func TestImportOfUnusableSaysWhy(t *testing.T) {
	h := newHost(t)
	for file, want := range map[string]string{
		"rita-revoked.asc":       "its certificate is revoked",
		"wanda-weak.asc":         "1024 bits",
		"sam-cannot-encrypt.asc": "no key to encrypt to",
	} {
		i := importOne(t, h.local, keys.ImportOptions{}, testdata(t, file))
		if i.Outcome != keys.Added || !strings.Contains(strings.Join(i.Notes, "\n"), want) {
			t.Errorf("%s: %+v, want %q", file, i, want)
		}
	}
	for address, want := range map[string]string{
		"rita@example.org":  "its certificate is revoked",
		"wanda@example.org": "1024 bits",
		"sam@example.org":   "no key to encrypt to",
		"zoe@example.org":   "no source has a key",
	} {
		if a := h.directory(h.local).Lookup(t.Context(), addr(t, address)); a.Status != keys.None || !strings.Contains(a.Why, want) {
			t.Errorf("%s: %+v, want %q", address, a, want)
		}
	}
}

func TestRevocationIsNeverLost(t *testing.T) {
	h := newHost(t)
	d := h.directory(h.local)
	lookup := func() keys.Answer { return d.Lookup(t.Context(), addr(t, "rita@example.org")) }
	if i := importOne(t, h.local, keys.ImportOptions{}, testdata(t, "rita.asc")); i.Outcome != keys.Added {
		t.Errorf("%+v", i)
	}
	if a := lookup(); a.Status != keys.Found {
		t.Errorf("%+v", a)
	}
	if i := importOne(t, h.local, keys.ImportOptions{}, testdata(t, "rita-revoked.asc")); i.Outcome != keys.Updated {
		t.Errorf("%+v", i)
	}
	if a := lookup(); a.Status != keys.None {
		t.Errorf("revoked: %+v", a)
	}
	i := importOne(t, h.local, keys.ImportOptions{}, testdata(t, "rita.asc"))
	if i.Outcome != keys.Unchanged {
		t.Errorf("%+v", i)
	}
	if a := lookup(); a.Status != keys.None || !strings.Contains(a.Why, "revoked") {
		t.Errorf("after the old copy: %+v", a)
	}
}

func TestImportForAnAddress(t *testing.T) {
	h := newHost(t)
	options := keys.ImportOptions{For: mailAddrs(t, "support@example.org", "alice@[192.0.2.1]", "root")}
	alice := generate(t, "alice@example.org", 0, 0).Cert()
	for _, want := range []keys.Outcome{keys.Added, keys.Unchanged} {
		if i := importOne(t, h.local, options, alice.Bytes()); i.Outcome != want {
			t.Errorf("%+v, want %v", i, want)
		}
	}
	if i := importOne(t, h.local, options, testdata(t, "no-address.asc")); i.Outcome != keys.Added {
		t.Errorf("a certificate without an address: %+v", i)
	}
	more := keys.ImportOptions{For: mailAddrs(t, "sales@example.org")}
	if i := importOne(t, h.local, more, alice.Bytes()); i.Outcome != keys.Updated {
		t.Errorf("one address more: %+v", i)
	}
	for _, address := range []string{"alice@example.org", "support@example.org", "sales@example.org", "alice@[192.0.2.1]", "root"} {
		a := h.directory(h.local).Lookup(t.Context(), addr(t, address))
		if a.Status != keys.Found || a.Cert.Fingerprint() != alice.Fingerprint() {
			t.Errorf("%s: %+v", address, a)
		}
	}
	entries, err := h.local.Get(t.Context(), "sales@example.org")
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	if want := []string{"alice@[192.0.2.1]", "root", "sales@example.org", "support@example.org"}; !slices.Equal(assigned(entries[0]), want) {
		t.Errorf("assigned %q, want %q", assigned(entries[0]), want)
	}
}

func TestListGetExportRemove(t *testing.T) {
	ctx := t.Context()
	h := newHost(t)
	alice, alice2, bob := generate(t, "alice@example.org", 0, 0).Cert(), generate(t, "alice@example.org", 0, 0).Cert(), generate(t, "bob@example.org", 0, 0).Cert()
	importAll(t, h.local, keys.ImportOptions{}, alice.Bytes(), alice2.Bytes(), bob.Bytes())
	importOne(t, h.local, keys.ImportOptions{For: mailAddrs(t, "office@example.org")}, alice2.Bytes())

	list := func() (fingerprints []string) {
		for entry, err := range h.local.List(ctx) {
			if err != nil || entry.Cert.Fingerprint() != entry.Fingerprint || len(entry.Addresses()) == 0 || !entry.Added.Equal(noon) {
				t.Errorf("%+v, %v", entry, err)
			}
			fingerprints = append(fingerprints, entry.Fingerprint)
		}
		return fingerprints
	}
	if got, want := list(), slices.Sorted(slices.Values([]string{alice.Fingerprint(), alice2.Fingerprint(), bob.Fingerprint()})); !slices.Equal(got, want) {
		t.Errorf("list %q, want %q", got, want)
	}

	var out bytes.Buffer
	if err := h.local.Export(ctx, &out, "Alice@example.org"); err != nil {
		t.Fatal(err)
	}
	ring, err := crypto.ReadKeyring(&out)
	if err != nil || len(ring.Certs) != 2 || len(ring.Secrets) > 0 {
		t.Errorf("exported %+v, %v", ring, err)
	}

	spaced := "0x" + strings.ToLower(bob.Fingerprint()[:20]) + " " + bob.Fingerprint()[20:]
	for _, which := range []string{"alice@example.org", spaced} {
		if err := h.local.Remove(ctx, which); err != nil {
			t.Error(err)
		}
		for what, err := range map[string]error{
			"remove": h.local.Remove(ctx, which),
			"export": h.local.Export(ctx, &out, which),
		} {
			if !errors.Is(err, keys.ErrNotFound) {
				t.Errorf("%s %s again: %v", what, which, err)
			}
		}
	}
	// The certificate that also serves another address stays.
	if got, want := list(), []string{alice2.Fingerprint()}; !slices.Equal(got, want) {
		t.Errorf("left %q, want %q", got, want)
	}
	for _, which := range []string{"", "not an address", "<>"} {
		if err := h.local.Remove(ctx, which); err == nil || errors.Is(err, keys.ErrNotFound) {
			t.Errorf("remove %q: %v", which, err)
		}
	}
}

// TestAnotherProcessChangesKeys looks up in one process what another imports and removes.
func TestAnotherProcessChangesKeys(t *testing.T) {
	daemon := newHost(t)
	command := daemon.process(t)
	d := daemon.directory(daemon.local)
	alice := generate(t, "alice@example.org", 0, 0).Cert()
	lookup := func() keys.Status { return d.Lookup(t.Context(), addr(t, "alice@example.org")).Status }
	for range 2 {
		if s := lookup(); s != keys.None {
			t.Errorf("before the import: %v", s)
		}
		importOne(t, command.local, keys.ImportOptions{}, alice.Bytes())
		if s := lookup(); s != keys.Found {
			t.Errorf("after the import: %v", s)
		}
		if err := command.local.Remove(t.Context(), alice.Fingerprint()); err != nil {
			t.Fatal(err)
		}
	}
	if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); a.Status != keys.None || !a.SeenBefore {
		t.Errorf("after the removal: %+v", a)
	}
}

func TestCachedCertificateExpires(t *testing.T) {
	h := newHost(t)
	importOne(t, h.local, keys.ImportOptions{}, generate(t, "alice@example.org", 0, 24*time.Hour).Cert().Bytes())
	d := h.directory(h.local)
	if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); a.Status != keys.Found {
		t.Errorf("%+v", a)
	}
	h.clock.advance(48 * time.Hour)
	if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); a.Status != keys.None || !strings.Contains(a.Why, "expired on 2026-03-02") {
		t.Errorf("%+v", a)
	}
}

func TestUnreadableCertificateIsUnknown(t *testing.T) {
	h := newHost(t)
	alice := generate(t, "alice@example.org", 0, 0).Cert()
	importOne(t, h.local, keys.ImportOptions{}, alice.Bytes())
	err := h.store.UpdateKeys(t.Context(), func(tx *store.KeyTx) error {
		return tx.PutCertificate(t.Context(), alice.Fingerprint(), []byte("garbage"), noon)
	})
	if err != nil {
		t.Fatal(err)
	}
	if a := h.directory(h.local).Lookup(t.Context(), addr(t, "alice@example.org")); a.Status != keys.Unknown || !a.SeenBefore {
		t.Errorf("%+v", a)
	}
	for entry, err := range h.local.List(t.Context()) {
		if err == nil || entry.Fingerprint != alice.Fingerprint() {
			t.Errorf("%+v, %v", entry, err)
		}
	}
	if i := importOne(t, h.local, keys.ImportOptions{}, alice.Bytes()); i.Outcome != keys.Refused || !strings.Contains(i.Err.Error(), "remove it") {
		t.Errorf("%+v", i)
	}
}

// TestIndexIsNoProof has the store say that a certificate serves an address which it does not name.
func TestIndexIsNoProof(t *testing.T) {
	h := newHost(t)
	mallory := generate(t, "mallory@example.org", 0, 0).Cert()
	importOne(t, h.local, keys.ImportOptions{}, mallory.Bytes())
	err := h.store.UpdateKeys(t.Context(), func(tx *store.KeyTx) error {
		_, err := tx.AddService(t.Context(), mallory.Fingerprint(), "local", 7, "alice@example.org")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if a := h.directory(h.local).Lookup(t.Context(), addr(t, "alice@example.org")); a.Status != keys.None {
		t.Errorf("%+v", a)
	}
}

// TestLookupsBesideChanges is for the race detector, and asks that whoever imported or removed sees it at once.
func TestLookupsBesideChanges(t *testing.T) {
	daemon := newHost(t)
	command := daemon.process(t)
	d := daemon.directory(daemon.local)
	var all sync.WaitGroup
	for i := range 4 {
		address := addr(t, fmt.Sprintf("user%d@example.org", i))
		cert := generate(t, address.String(), 0, 0).Cert()
		all.Go(func() {
			for range 10 {
				if err := command.local.Import(t.Context(), bytes.NewReader(cert.Bytes()), keys.ImportOptions{}, func(keys.Imported) {}); err != nil {
					t.Error(err)
				}
				if a := d.Lookup(t.Context(), address); a.Status != keys.Found || a.Cert.Fingerprint() != cert.Fingerprint() {
					t.Errorf("%s imported: %+v", address, a)
				}
				if err := command.local.Remove(t.Context(), address.String()); err != nil {
					t.Error(err)
				}
				if a := d.Lookup(t.Context(), address); a.Status != keys.None {
					t.Errorf("%s removed: %+v", address, a)
				}
			}
		})
	}
	all.Wait()
}
