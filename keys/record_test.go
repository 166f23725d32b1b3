package keys_test

import (
	"testing"
	"time"

	"sealmilter/crypto"
	"sealmilter/keys"
)

// TestStoredForOneAddress: what a source gives for an address says nothing of another one.
func TestStoredForOneAddress(t *testing.T) {
	h := newHost(t)
	wkd := &provider{name: "wkd"}
	wkd.gives(readCert(t, "vera.asc"))
	if a := h.directory(wkd).Lookup(t.Context(), addr(t, "vera@example.org")); a.Status != keys.Found {
		t.Fatalf("%+v", a)
	}
	row, err := h.store.Certificate(t.Context(), readCert(t, "vera.asc").Fingerprint())
	if err != nil {
		t.Fatal(err)
	}
	cert, err := crypto.ParseCert(row.Blob)
	if err != nil || len(cert.Addrs()) != 1 || cert.Addrs()[0].Key() != "vera@example.org" {
		t.Errorf("%v, %v", cert.Addrs(), err)
	}
}

// TestStaleStaysFound shows what a source gave before in use without a pin while the source is silent.
func TestStaleStaysFound(t *testing.T) {
	h := newHost(t)
	alice := generate(t, "alice@example.org", day, 0).Cert()
	wkd := &provider{name: "wkd"}
	wkd.gives(alice)
	d := keys.NewDirectory(h.store, []keys.Source{wkd}, keys.Options{Now: h.clock.Now, Peek: true})
	d.Lookup(t.Context(), addr(t, "alice@example.org"))
	wkd.fails(errSilent)
	for _, after := range []time.Duration{2 * day, time.Second, time.Minute, time.Second, 2 * day} {
		h.clock.advance(after)
		if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); !sameCert(a.Cert, alice) {
			t.Errorf("%v, why %q, trace %+v", a.Status, a.Why, a.Trace)
		}
	}
}

// TestNoLongerGiven: a certificate that the source has exchanged does not come back from the store.
func TestNoLongerGiven(t *testing.T) {
	h := newHost(t)
	older := generate(t, "alice@example.org", 2*day, 0).Cert()
	newer := generate(t, "alice@example.org", day, 0).Cert()
	wkd := &provider{name: "wkd"}
	d := h.directory(wkd)
	wkd.gives(newer)
	d.Lookup(t.Context(), addr(t, "alice@example.org"))
	h.clock.advance(2 * day)
	wkd.gives(older)
	d.Lookup(t.Context(), addr(t, "alice@example.org"))
	if err := d.Unpin(t.Context(), addr(t, "alice@example.org")); err != nil {
		t.Fatal(err)
	}
	wkd.questions()
	a := d.Lookup(t.Context(), addr(t, "alice@example.org"))
	if asked := wkd.questions(); !sameCert(a.Cert, older) || len(asked) > 0 {
		t.Errorf("%s, asked %q", fingerprint(a.Cert), asked)
	}
}

// TestRevokedUserIDIsAskedForAnew: when the owner has left the address, the source may have the certificate of the next.
func TestRevokedUserIDIsAskedForAnew(t *testing.T) {
	h := newHost(t)
	next := generate(t, "vera@example.org", 0, 0).Cert()
	wkd := &provider{name: "wkd"}
	d := h.directory(h.local, wkd)
	wkd.gives(readCert(t, "vera.asc"))
	d.Lookup(t.Context(), addr(t, "vera@example.org"))
	h.clock.advance(time.Minute)
	importOne(t, h.local, keys.ImportOptions{}, testdata(t, "vera-moved.asc"))
	wkd.gives(next)
	if a := d.Lookup(t.Context(), addr(t, "vera@example.org")); !sameCert(a.Cert, next) {
		t.Errorf("%s, why %q, trace %+v", fingerprint(a.Cert), a.Why, a.Trace)
	}
}
