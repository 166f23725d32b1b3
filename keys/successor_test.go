package keys_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealmilter/crypto"
	"sealmilter/keys"
)

// certified returns a certificate of which the owner of a key has certified all User IDs.
func certified(t *testing.T, by *crypto.SecretKey, cert *crypto.Cert) *crypto.Cert {
	t.Helper()
	read := func(b []byte) *openpgp.Entity {
		e, err := openpgp.ReadEntity(packet.NewReader(bytes.NewReader(b)))
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	secret, err := by.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	signer, signee := read(secret), read(cert.Bytes())
	for name := range signee.Identities {
		if err := signee.SignIdentity(name, signer, &packet.Config{Time: func() time.Time { return noon }}); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := signee.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	c, err := crypto.ParseCert(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSuccessor shows how somebody changes keys without an administrator's help: the old one certifies the new one.
func TestSuccessor(t *testing.T) {
	old := generate(t, "alice@example.org", 3*day, 0)
	next := certified(t, old, generate(t, "alice@example.org", 2*day, 0).Cert())
	stranger := certified(t, generate(t, "mallory@example.org", 4*day, 0), generate(t, "alice@example.org", day, 0).Cert())
	for _, peeked := range []bool{false, true} {
		h := newHost(t)
		notes, wkd := &diary{}, &provider{name: "wkd"}
		options := keys.Options{Now: h.clock.Now, Observer: notes}
		d := keys.NewDirectory(h.store, []keys.Source{wkd}, options)
		options.Peek = true
		peek := keys.NewDirectory(h.store, []keys.Source{wkd}, options)
		lookup := func(want *crypto.Cert, events ...string) {
			t.Helper()
			h.clock.advance(2 * day)
			if peeked {
				if a := peek.Lookup(t.Context(), addr(t, "alice@example.org")); !sameCert(a.Cert, want) {
					t.Errorf("peek: %s, trace %+v", fingerprint(a.Cert), a.Trace)
				}
			}
			a := d.Lookup(t.Context(), addr(t, "alice@example.org"))
			if got := notes.read(); !sameCert(a.Cert, want) || a.Level != keys.ProviderTrust || !slices.Equal(got, events) {
				t.Errorf("%s, level %v, events %q, want %q; trace %+v", fingerprint(a.Cert), a.Level, got, events, a.Trace)
			}
		}
		wkd.gives(old.Cert())
		lookup(old.Cert(), "pinned alice@example.org wkd")
		wkd.gives(next)
		lookup(next, "replaced alice@example.org wkd")
		lookup(next)
		wkd.gives(old.Cert()) // the successor stays
		lookup(next)
		wkd.gives(stranger)
		lookup(next, "conflict alice@example.org wkd")
	}
}

// TestSuccessorOfAnImportedKey has a refresh find the next key of somebody whose last one was imported.
func TestSuccessorOfAnImportedKey(t *testing.T) {
	h := newHost(t)
	old, young := generate(t, "alice@example.org", 3*day, 0), generate(t, "alice@example.org", 2*day, 0)
	next := certified(t, old, young.Cert())
	cross := certified(t, young, old.Cert()) // they have certified each other
	importOne(t, h.local, keys.ImportOptions{}, armored(t, cross))
	notes, wkd := &diary{}, &provider{name: "wkd"}
	wkd.gives(next)
	d := keys.NewDirectory(h.store, []keys.Source{h.local, wkd}, keys.Options{Now: h.clock.Now, Observer: notes})
	d.Lookup(t.Context(), addr(t, "alice@example.org"))
	notes.read()
	for i := range 3 {
		h.clock.advance(2 * day)
		r, err := d.Refresh(t.Context(), addr(t, "alice@example.org"))
		if err != nil || r.Fingerprint != next.Fingerprint() || r.Changed != (i == 0) {
			t.Errorf("refresh %d: %+v, %v", i, r, err)
		}
		a := d.Lookup(t.Context(), addr(t, "alice@example.org"))
		if !sameCert(a.Cert, next) || a.Level != keys.KnownKey {
			t.Errorf("%s, level %v, trace %+v", fingerprint(a.Cert), a.Level, a.Trace)
		}
	}
	if got := notes.read(); !slices.Equal(got, []string{"replaced alice@example.org wkd"}) {
		t.Errorf("events %q", got)
	}
}
