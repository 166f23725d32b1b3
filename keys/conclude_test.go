package keys_test

import (
	"strings"
	"testing"
	"time"

	"sealmilter/crypto"
	"sealmilter/keys"
)

// TestRevocationInTheAnswerCounts: the first answer that brings the revocation of the pinned certificate ends its use.
func TestRevocationInTheAnswerCounts(t *testing.T) {
	h := newHost(t)
	rita, revoked := readCert(t, "rita.asc"), readCert(t, "rita-revoked.asc")
	wkd := &provider{name: "wkd"}
	d := h.directory(h.local, wkd)
	wkd.gives(rita)
	if a := d.Lookup(t.Context(), addr(t, "rita@example.org")); a.Status != keys.Found {
		t.Fatalf("%+v", a)
	}
	h.clock.advance(2 * day)
	wkd.gives(revoked)
	if a := d.Lookup(t.Context(), addr(t, "rita@example.org")); a.Status != keys.None || !strings.Contains(a.Why, "revoked") {
		t.Errorf("%v, why %q, trace %+v", a.Status, a.Why, a.Trace)
	}
}

// TestPinOfTheTagHolds: what is pinned for "alice+tag" is not replaced by a certificate for "alice", unless it is of no
// more use and the other is believed as far.
func TestPinOfTheTagHolds(t *testing.T) {
	tagged := generate(t, "alice+tag@example.org", 4*day, 0).Cert()
	short := generate(t, "alice+tag@example.org", 4*day, 6*day).Cert()
	base := generate(t, "alice@example.org", 3*day, 0).Cert()
	for _, tc := range []struct {
		name          string
		first, second func(wkd *provider, vks *keyserver)
		status        keys.Status
		cert          string
		why           string
	}{
		{"the same source gives the other one",
			func(wkd *provider, _ *keyserver) { wkd.only = []string{"alice+tag@example.org"}; wkd.gives(tagged) },
			func(wkd *provider, _ *keyserver) { wkd.only = []string{"alice@example.org"}; wkd.gives(base) },
			keys.Found, tagged.Fingerprint(), ""},
		{"a weaker source gives the other one",
			func(wkd *provider, _ *keyserver) { wkd.gives(tagged) },
			func(wkd *provider, vks *keyserver) { wkd.fails(errNone); vks.provider.gives(base) },
			keys.Found, tagged.Fingerprint(), ""},
		{"expired, and the other one is believed as far",
			func(wkd *provider, _ *keyserver) { wkd.only = []string{"alice+tag@example.org"}; wkd.gives(short) },
			func(wkd *provider, _ *keyserver) { wkd.only = []string{"alice@example.org"}; wkd.gives(base) },
			keys.Found, base.Fingerprint(), ""},
		{"expired, and the other one is believed less",
			func(wkd *provider, _ *keyserver) { wkd.gives(short) },
			func(wkd *provider, vks *keyserver) { wkd.fails(errNone); vks.provider.gives(base) },
			keys.None, "none", "sealmilter keys unpin alice+tag@example.org"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHost(t)
			wkd, vks := &provider{name: "wkd"}, &keyserver{provider: provider{name: "vks", err: errNone}}
			d := h.directory(h.local, wkd, vks)
			tc.first(wkd, vks)
			if a := d.Lookup(t.Context(), addr(t, "alice+tag@example.org")); a.Status != keys.Found {
				t.Fatalf("%+v", a)
			}
			h.clock.advance(3 * day)
			tc.second(wkd, vks)
			peek := keys.NewDirectory(h.store, []keys.Source{h.local, wkd, vks}, keys.Options{Now: h.clock.Now, Peek: true})
			for range 2 {
				for _, d := range []*keys.Directory{peek, d} {
					a := d.Lookup(t.Context(), addr(t, "alice+tag@example.org"))
					if a.Status != tc.status || fingerprint(a.Cert) != tc.cert || !strings.Contains(a.Why, tc.why) {
						t.Errorf("%v %s, why %q, trace %+v", a.Status, fingerprint(a.Cert), a.Why, a.Trace)
					}
				}
			}
		})
	}
}

// TestPinOfTheAdministratorForATag: the word of an administrator is not undone by a certificate of another form.
func TestPinOfTheAdministratorForATag(t *testing.T) {
	h := newHost(t)
	base := generate(t, "alice@example.org", 4*day, 0).Cert()
	chosen := generate(t, "alice+tag@example.org", 4*day, 0).Cert()
	importAll(t, h.local, keys.ImportOptions{}, armored(t, base))
	wkd := &provider{name: "wkd"}
	wkd.gives(chosen)
	if a := h.directory(wkd).Lookup(t.Context(), addr(t, "alice+tag@example.org")); a.Status != keys.Found {
		t.Fatalf("%+v", a)
	}
	d := h.directory(h.local, wkd)
	if err := d.Pin(t.Context(), addr(t, "alice+tag@example.org"), chosen.Fingerprint()); err != nil {
		t.Fatal(err)
	}
	if a := d.Lookup(t.Context(), addr(t, "alice+tag@example.org")); !sameCert(a.Cert, chosen) || a.Level != keys.Fingerprint {
		t.Errorf("%s from %s at %v", fingerprint(a.Cert), a.Source, a.Level)
	}
	if a := d.Lookup(t.Context(), addr(t, "alice+other@example.org")); !sameCert(a.Cert, base) {
		t.Errorf("%s from %s at %v", fingerprint(a.Cert), a.Source, a.Level)
	}
}

// TestPinOfTheMailboxServesItsTags: where the certificate of the tag is of no more use, the pin of the mailbox counts
// even if its source no longer gives it.
func TestPinOfTheMailboxServesItsTags(t *testing.T) {
	h := newHost(t)
	short := generate(t, "alice+tag@example.org", 4*day, 6*day).Cert()
	base := generate(t, "alice@example.org", 3*day, 0).Cert()
	wkd := &provider{name: "wkd"}
	d := h.directory(wkd)
	wkd.gives(short, base)
	for _, address := range []string{"alice+tag@example.org", "alice@example.org"} {
		if a := d.Lookup(t.Context(), addr(t, address)); a.Status != keys.Found {
			t.Fatalf("%s: %+v", address, a)
		}
	}
	h.clock.advance(3 * day)
	wkd.fails(errNone)
	if a := d.Lookup(t.Context(), addr(t, "alice+tag@example.org")); !sameCert(a.Cert, base) {
		t.Errorf("%v %s, why %q, trace %+v", a.Status, fingerprint(a.Cert), a.Why, a.Trace)
	}
}

// TestSeenIsRecordedWhereverAKeyWasSeen: a key that could not be used because a better source was silent was seen all
// the same, and so were the keys of the address behind a tag or a mapping.
func TestSeenIsRecordedWhereverAKeyWasSeen(t *testing.T) {
	h := newHost(t)
	weak := generate(t, "alice@example.org", day, 0).Cert()
	wkd, vks := &provider{name: "wkd", err: errSilent}, &keyserver{provider: provider{name: "vks"}}
	d := keys.NewDirectory(h.store, []keys.Source{wkd, vks}, keys.Options{Now: h.clock.Now, Retry: time.Minute, Absent: time.Hour,
		Map: keys.Mapping{"sales@example.org": "alice@example.org"}})
	vks.provider.gives(weak)
	if a := d.Lookup(t.Context(), addr(t, "alice+tag@example.org")); a.Status != keys.Unknown || !a.SeenBefore {
		t.Fatalf("%+v", a)
	}
	h.clock.advance(25 * time.Hour) // the key server is asked again, and the domain's silence
	vks.provider.fails(errNone)
	wkd.fails(errSilent)
	for _, address := range []string{"alice+tag@example.org", "alice@example.org", "sales@example.org"} {
		if seen := d.Lookup(t.Context(), addr(t, address)).SeenBefore; !seen {
			t.Errorf("%s was not seen", address)
		}
	}
}

// TestRevokedUserID: a source that does not know that the owner has withdrawn a User ID does not bring it back. The
// certificate in use stays in use, but another one that is believed as far takes its place.
func TestRevokedUserID(t *testing.T) {
	h := newHost(t)
	vera, moved := readCert(t, "vera.asc"), readCert(t, "vera-moved.asc")
	next := generate(t, "vera@example.org", 0, 0).Cert()
	importOne(t, h.local, keys.ImportOptions{}, armored(t, moved))
	wkd := &provider{name: "wkd"}
	d := h.directory(h.local, wkd)
	lookup := func(address string, want keys.Status, cert, why string) {
		t.Helper()
		h.clock.advance(2 * day)
		a := d.Lookup(t.Context(), addr(t, address))
		if a.Status != want || fingerprint(a.Cert) != cert || !strings.Contains(a.Trace[len(a.Trace)-1].Detail, why) {
			t.Errorf("%v %s, why %q, trace %+v", a.Status, fingerprint(a.Cert), a.Why, a.Trace)
		}
	}
	wkd.gives(vera)
	lookup("vera@example.org", keys.None, "none", "has withdrawn the User ID")
	lookup("vera@example.net", keys.Found, vera.Fingerprint(), "")

	h = newHost(t)
	d = h.directory(h.local, wkd)
	lookup("vera@example.org", keys.Found, vera.Fingerprint(), "")
	importOne(t, h.local, keys.ImportOptions{}, armored(t, moved))
	lookup("vera@example.org", keys.Found, vera.Fingerprint(), "stays in use")
	wkd.gives(next)
	lookup("vera@example.org", keys.Found, next.Fingerprint(), "")
}

// TestAssignedIsNotDisowned: what an administrator has assigned need not name the address.
func TestAssignedIsNotDisowned(t *testing.T) {
	h := newHost(t)
	vera := readCert(t, "vera.asc")
	other := generate(t, "bob@example.com", 0, 0).Cert()
	importOne(t, h.local, keys.ImportOptions{For: mailAddrs(t, "bob@example.com")}, armored(t, vera))
	d := h.directory(h.local)
	if a := d.Lookup(t.Context(), addr(t, "bob@example.com")); !sameCert(a.Cert, vera) {
		t.Fatalf("%+v", a)
	}
	if i := importOne(t, h.local, keys.ImportOptions{}, armored(t, other)); !strings.Contains(strings.Join(i.Notes, "; "), "stays in use") {
		t.Errorf("%q", i.Notes)
	}
	if a := d.Lookup(t.Context(), addr(t, "bob@example.com")); !sameCert(a.Cert, vera) {
		t.Errorf("%s, why %q", fingerprint(a.Cert), a.Why)
	}
}

// TestPeekSaysWhatALookupWould: the level of the pin counts, also for a source that gave another certificate meanwhile.
func TestPeekSaysWhatALookupWould(t *testing.T) {
	h := newHost(t)
	chosen := generate(t, "alice@example.org", 2*day, 0).Cert()
	other := generate(t, "alice@example.org", day, 0).Cert()
	wkd := &provider{name: "wkd"}
	d := h.directory(wkd)
	wkd.gives(chosen)
	d.Lookup(t.Context(), addr(t, "alice@example.org"))
	if err := d.Pin(t.Context(), addr(t, "alice@example.org"), chosen.Fingerprint()); err != nil {
		t.Fatal(err)
	}
	h.clock.advance(2 * day)
	wkd.gives(other)
	d.Lookup(t.Context(), addr(t, "alice@example.org"))
	h.clock.advance(2 * day)
	wkd.gives(chosen)
	peek := keys.NewDirectory(h.store, []keys.Source{wkd}, keys.Options{Now: h.clock.Now, Peek: true})
	for _, d := range []*keys.Directory{peek, d} {
		a := d.Lookup(t.Context(), addr(t, "alice@example.org"))
		if !sameCert(a.Cert, chosen) || a.Level != keys.Fingerprint || a.Source != "administrator" {
			t.Errorf("%s from %s at %v", fingerprint(a.Cert), a.Source, a.Level)
		}
	}
}

// TestPinIsBelievedFurther: when a better source gives the pinned certificate as well, its word is written down, and
// nothing else changes.
func TestPinIsBelievedFurther(t *testing.T) {
	h := newHost(t)
	alice := generate(t, "alice@example.org", 2*day, 0).Cert()
	wkd, notes := &provider{name: "wkd"}, &diary{}
	wkd.gives(alice)
	d := keys.NewDirectory(h.store, []keys.Source{h.local, wkd}, keys.Options{Now: h.clock.Now, Observer: notes})
	d.Lookup(t.Context(), addr(t, "alice@example.org"))
	before, err := h.store.Pin(t.Context(), "alice@example.org")
	if err != nil || before.Level != uint8(keys.ProviderTrust) {
		t.Fatalf("%+v, %v", before, err)
	}
	notes.read()
	h.clock.advance(time.Hour)
	importOne(t, h.local, keys.ImportOptions{}, armored(t, alice))
	for range 2 {
		if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); a.Level != keys.KnownKey || a.Source != "local" {
			t.Errorf("%v from %s", a.Level, a.Source)
		}
	}
	want := before
	want.Level, want.Source = uint8(keys.KnownKey), "local"
	if after, err := h.store.Pin(t.Context(), "alice@example.org"); err != nil || after != want || len(notes.read()) > 0 {
		t.Errorf("%+v, want %+v, %v", after, want, err)
	}
}

// TestReplacementEndsConflicts: what stood against the old certificate does not stand against the next one.
func TestReplacementEndsConflicts(t *testing.T) {
	h := newHost(t)
	pinned := generate(t, "alice@example.org", 2*day, 5*day).Cert()
	other := generate(t, "alice@example.org", day, 0).Cert()
	next := generate(t, "alice@example.org", 0, 0).Cert()
	wkd, vks := &provider{name: "wkd"}, &keyserver{provider: provider{name: "vks", err: errNone}}
	d := h.directory(wkd, vks)
	peek := keys.NewDirectory(h.store, []keys.Source{wkd, vks}, keys.Options{Now: h.clock.Now, Peek: true})
	lookup := func(want *crypto.Cert, conflicts int) {
		t.Helper()
		for _, d := range []*keys.Directory{peek, d} {
			if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); !sameCert(a.Cert, want) || a.Status == keys.Unknown {
				t.Errorf("%v %s, why %q", a.Status, fingerprint(a.Cert), a.Why)
			}
		}
		if open, err := d.Conflicts(t.Context()); err != nil || len(open) != conflicts {
			t.Errorf("%+v, %v", open, err)
		}
		h.clock.advance(2 * day)
	}
	wkd.gives(pinned)
	lookup(pinned, 0)
	wkd.fails(errNone)
	vks.provider.gives(other)
	lookup(pinned, 1)
	lookup(nil, 1) // it has expired, and the other one is believed less
	wkd.gives(next)
	lookup(next, 0)
}

// TestWeakerPinOfTheMailbox: when the certificate of the tag is of no more use, a pin of the mailbox that is believed
// less does not serve in its place.
func TestWeakerPinOfTheMailbox(t *testing.T) {
	h := newHost(t)
	short := generate(t, "alice+tag@example.org", 4*day, 6*day).Cert()
	base := generate(t, "alice@example.org", 3*day, 0).Cert()
	wkd, vks := &provider{name: "wkd", only: []string{"alice+tag@example.org"}}, &keyserver{provider: provider{name: "vks"}}
	d := h.directory(wkd, vks)
	wkd.gives(short)
	vks.provider.gives(base)
	for _, address := range []string{"alice+tag@example.org", "alice@example.org"} {
		if a := d.Lookup(t.Context(), addr(t, address)); a.Status != keys.Found {
			t.Fatalf("%s: %+v", address, a)
		}
	}
	h.clock.advance(3 * day)
	wkd.fails(errNone)
	vks.provider.fails(errNone)
	if a := d.Lookup(t.Context(), addr(t, "alice+tag@example.org")); a.Status != keys.None || !strings.Contains(a.Why, "expired") {
		t.Errorf("%v %s, why %q, trace %+v", a.Status, fingerprint(a.Cert), a.Why, a.Trace)
	}
	if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); !sameCert(a.Cert, base) {
		t.Errorf("%v %s, why %q, trace %+v", a.Status, fingerprint(a.Cert), a.Why, a.Trace)
	}
}

// TestPinnedFromTheFuture: a clock that was set back makes the pinned certificate unusable, but no prey.
func TestPinnedFromTheFuture(t *testing.T) {
	h := newHost(t)
	pinned := generate(t, "alice@example.org", 0, 0).Cert()
	other := generate(t, "alice@example.org", 9*day, 0).Cert()
	wkd := &provider{name: "wkd"}
	d := h.directory(wkd)
	wkd.gives(pinned)
	if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); !sameCert(a.Cert, pinned) {
		t.Fatalf("%+v", a)
	}
	h.clock.advance(-5 * day)
	wkd.gives(other)
	if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); a.Cert != nil {
		t.Errorf("%s, trace %+v", fingerprint(a.Cert), a.Trace)
	}
	h.clock.advance(6 * day)
	if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); !sameCert(a.Cert, pinned) {
		t.Errorf("%s, why %q, trace %+v", fingerprint(a.Cert), a.Why, a.Trace)
	}
}
