package keys_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"sealmilter/crypto"
	"sealmilter/keys"
)

// TestPinnedStaysInUse shows a provider that suddenly gives another certificate.
func TestPinnedStaysInUse(t *testing.T) {
	h := newHost(t)
	first := generate(t, "alice@example.org", 2*day, 0).Cert()
	other := generate(t, "alice@example.org", day, 0).Cert()
	wkd, notes := &provider{name: "wkd"}, &diary{}
	options := keys.Options{Now: h.clock.Now, Observer: notes}
	d := keys.NewDirectory(h.store, []keys.Source{h.local, wkd}, options)
	lookup := func(want *crypto.Cert, source string, level keys.Level, events ...string) {
		t.Helper()
		a := d.Lookup(t.Context(), addr(t, "alice@example.org"))
		if !sameCert(a.Cert, want) || a.Source != source || a.Level != level {
			t.Errorf("%s from %s, level %v, why %q, trace %+v", fingerprint(a.Cert), a.Source, a.Level, a.Why, a.Trace)
		}
		if got := notes.read(); !slices.Equal(got, events) {
			t.Errorf("events %q, want %q", got, events)
		}
	}
	conflicts := func(want ...string) {
		t.Helper()
		all, err := d.Conflicts(t.Context())
		var got []string
		for _, c := range all {
			got = append(got, fmt.Sprintf("%s %s %s", c.Fingerprint, c.Pinned, c.Source))
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("conflicts %q, want %q, %v", got, want, err)
		}
	}

	wkd.gives(first)
	lookup(first, "wkd", keys.ProviderTrust, "pinned alice@example.org wkd")
	lookup(first, "wkd", keys.ProviderTrust)
	h.clock.advance(2 * day)
	wkd.gives(other)
	lookup(first, "wkd", keys.ProviderTrust, "conflict alice@example.org wkd")
	conflicts(other.Fingerprint() + " " + first.Fingerprint() + " wkd")
	h.clock.advance(2 * day)
	lookup(first, "wkd", keys.ProviderTrust) // told once

	// The provider thinks better of it.
	h.clock.advance(2 * day)
	wkd.gives(first)
	lookup(first, "wkd", keys.ProviderTrust)
	conflicts()
	h.clock.advance(2 * day)
	wkd.gives(first, other)
	lookup(first, "wkd", keys.ProviderTrust)
	conflicts()

	h.clock.advance(2 * day)
	wkd.gives(other)
	lookup(first, "wkd", keys.ProviderTrust, "conflict alice@example.org wkd")
	if err := d.Pin(t.Context(), addr(t, "ALICE@example.org"), other.Fingerprint()); err != nil {
		t.Fatal(err)
	}
	conflicts()
	lookup(other, "administrator", keys.Fingerprint)

	// What the administrator has confirmed gives way to nothing below.
	importOne(t, h.local, keys.ImportOptions{}, armored(t, first))
	lookup(other, "administrator", keys.Fingerprint)
	conflicts(first.Fingerprint() + " " + other.Fingerprint() + " local")

	if err := d.Unpin(t.Context(), addr(t, "alice@example.org")); err != nil {
		t.Fatal(err)
	}
	conflicts()
	lookup(first, "local", keys.KnownKey, "pinned alice@example.org local")
	if err := d.Unpin(t.Context(), addr(t, "bob@example.org")); !errors.Is(err, keys.ErrNotFound) {
		t.Error(err)
	}
}

// TestUpgrade shows that a better source takes the place of a worse one, and not the other way round.
func TestUpgrade(t *testing.T) {
	h := newHost(t)
	weak := generate(t, "alice@example.org", 2*day, 0).Cert()
	better := generate(t, "alice@example.org", 3*day, 0).Cert()
	notes := &diary{}
	wkd, vks := &provider{name: "wkd", err: errNone}, &keyserver{provider: provider{name: "vks"}}
	d := keys.NewDirectory(h.store, []keys.Source{wkd, vks}, keys.Options{Now: h.clock.Now, Observer: notes})
	lookup := func(want *crypto.Cert, events ...string) {
		t.Helper()
		h.clock.advance(2 * day)
		a := d.Lookup(t.Context(), addr(t, "alice@example.org"))
		if got := notes.read(); !sameCert(a.Cert, want) || !slices.Equal(got, events) {
			t.Errorf("%s, why %q, events %q, want %q", fingerprint(a.Cert), a.Why, got, events)
		}
	}
	vks.provider.gives(weak)
	lookup(weak, "pinned alice@example.org vks")
	wkd.gives(better)
	lookup(better, "replaced alice@example.org wkd")
	wkd.fails(errNone)
	lookup(better, "withdrawn alice@example.org wkd", "conflict alice@example.org vks")
	wkd.fails(errSilent)
	lookup(better)
}

// TestNoUpgradeOverASilentSource: whoever silences the better source must not be able to fill the worse one.
func TestNoUpgradeOverASilentSource(t *testing.T) {
	h := newHost(t)
	pinned := generate(t, "alice@example.org", 2*day, 3*day).Cert()
	planted := generate(t, "alice@example.org", day, 0).Cert()
	wkd, vks := &provider{name: "wkd"}, &keyserver{provider: provider{name: "vks"}}
	d := h.directory(wkd, vks)
	wkd.gives(pinned)
	vks.provider.gives(planted)
	if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); !sameCert(a.Cert, pinned) {
		t.Fatalf("%+v", a)
	}
	h.clock.advance(2 * day) // now it has expired
	wkd.fails(errSilent)
	if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); a.Status == keys.Found || !a.SeenBefore {
		t.Errorf("%s from %s", fingerprint(a.Cert), a.Source)
	}
}

func TestExpiredPinWithAWeakerRival(t *testing.T) {
	h := newHost(t)
	pinned := generate(t, "alice@example.org", 2*day, 3*day).Cert()
	weaker := generate(t, "alice@example.org", day, 0).Cert()
	wkd, vks := &provider{name: "wkd"}, &keyserver{provider: provider{name: "vks"}}
	d := h.directory(wkd, vks)
	wkd.gives(pinned)
	d.Lookup(t.Context(), addr(t, "alice@example.org"))
	h.clock.advance(2 * day)
	vks.provider.gives(weaker)
	a := d.Lookup(t.Context(), addr(t, "alice@example.org"))
	if a.Status != keys.None || !strings.Contains(a.Why, "sealmilter keys pin alice@example.org "+weaker.Fingerprint()) {
		t.Errorf("%v %s, why %q", a.Status, fingerprint(a.Cert), a.Why)
	}
	next := generate(t, "alice@example.org", 0, 0).Cert()
	h.clock.advance(2 * day)
	wkd.gives(next)
	if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); !sameCert(a.Cert, next) {
		t.Errorf("%v %s, why %q", a.Status, fingerprint(a.Cert), a.Why)
	}
}

func TestPinRefuses(t *testing.T) {
	h := newHost(t)
	alice := generate(t, "alice@example.org", day, 0).Cert()
	expired := generate(t, "alice@example.org", 2*day, day).Cert()
	importAll(t, h.local, keys.ImportOptions{}, armored(t, alice), armored(t, expired))
	d := h.directory(h.local)
	for _, tc := range []struct{ address, fingerprint, want string }{
		{"alice@example.org", strings.Repeat("A", 40), "import it first"},
		{"bob@example.org", alice.Fingerprint(), "keys import --for bob@example.org"},
		{"alice@example.org", expired.Fingerprint(), "expired"},
	} {
		if err := d.Pin(t.Context(), addr(t, tc.address), tc.fingerprint); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %v", tc, err)
		}
	}
	importAll(t, h.local, keys.ImportOptions{For: mailAddrs(t, "bob@example.org")}, armored(t, alice))
	if err := d.Pin(t.Context(), addr(t, "bob@example.org"), alice.Fingerprint()); err != nil {
		t.Error(err)
	}

	// That a source once gave it for the address does not count against its owner.
	wkd := &provider{name: "wkd"}
	wkd.gives(readCert(t, "vera.asc"))
	d = h.directory(h.local, wkd)
	d.Lookup(t.Context(), addr(t, "vera@example.org"))
	importOne(t, h.local, keys.ImportOptions{}, testdata(t, "vera-moved.asc"))
	vera := readCert(t, "vera.asc").Fingerprint()
	if err := d.Pin(t.Context(), addr(t, "vera@example.org"), vera); err == nil || !strings.Contains(err.Error(), "none of the certificate's valid User IDs") {
		t.Error(err)
	}
	// Nor does an older copy bring its User ID back.
	importOne(t, h.local, keys.ImportOptions{}, testdata(t, "vera.asc"))
	services, err := h.store.Services(t.Context(), vera)
	for _, s := range services {
		if s.Source == "local" && s.Address != "vera@example.net" {
			t.Errorf("%+v", s)
		}
	}
	if err != nil {
		t.Error(err)
	}
}

// TestPeekLeavesNoTrace holds lookups for people to changing nothing.
func TestPeekLeavesNoTrace(t *testing.T) {
	h := newHost(t)
	first := generate(t, "alice@example.org", 2*day, 0).Cert()
	other := generate(t, "alice@example.org", day, 0).Cert()
	wkd := &provider{name: "wkd"}
	wkd.gives(first)
	notes := &diary{}
	peek := keys.NewDirectory(h.store, []keys.Source{wkd}, keys.Options{Now: h.clock.Now, Peek: true, Observer: notes})
	if a := peek.Lookup(t.Context(), addr(t, "alice@example.org")); !sameCert(a.Cert, first) {
		t.Errorf("%+v", a)
	}
	for p := range peek.Pins(t.Context()) {
		t.Errorf("%+v is pinned", p)
	}
	h.directory(wkd).Lookup(t.Context(), addr(t, "alice@example.org"))
	h.clock.advance(2 * day)
	wkd.gives(other)
	a := peek.Lookup(t.Context(), addr(t, "alice@example.org"))
	if !sameCert(a.Cert, first) || !strings.Contains(fmt.Sprint(a.Trace), "conflicts with the pinned") {
		t.Errorf("%+v", a)
	}
	if c, err := peek.Conflicts(t.Context()); err != nil || len(c) > 0 || len(notes.read()) > 0 {
		t.Errorf("conflicts %+v, %v", c, err)
	}
}

// TestTwoProcessesPinOnce lets two hosts use an address for the first time, with different answers.
func TestTwoProcessesPinOnce(t *testing.T) {
	h := newHost(t)
	one := generate(t, "alice@example.org", 2*day, 0).Cert()
	two := generate(t, "alice@example.org", day, 0).Cert()
	a, b := &provider{name: "wkd"}, &provider{name: "wkd"}
	a.gives(one)
	b.gives(two)
	first, second := h.directory(a), h.process(t).directory(b)
	if got := first.Lookup(t.Context(), addr(t, "alice@example.org")); !sameCert(got.Cert, one) {
		t.Errorf("%+v", got)
	}
	h.clock.advance(2 * day)
	if got := second.Lookup(t.Context(), addr(t, "alice@example.org")); !sameCert(got.Cert, one) {
		t.Errorf("%s, %q", fingerprint(got.Cert), got.Why)
	}
}

func TestMapping(t *testing.T) {
	h := newHost(t)
	alice := generate(t, "alice@example.org", day, 0).Cert()
	gateway := generate(t, "gate@all.example", day, 0).Cert()
	importAll(t, h.local, keys.ImportOptions{}, armored(t, alice), armored(t, gateway))
	wkd := &provider{name: "wkd", err: errNone}
	d := keys.NewDirectory(h.store, []keys.Source{h.local, wkd}, keys.Options{Now: h.clock.Now, Map: keys.Mapping{
		"sales@example.org":        "alice@example.org",
		"@old.example":             "@example.org",
		"@xn--bcher-kva.example":   "@example.org",
		"special@old.example":      "special@example.org",
		"@all.example":             "gate@all.example",
		"loop@example.org":         "sales@example.org",
		"\"a b\"@example.org":      "alice@example.org",
		"undelivered@all.example":  "not an address",
		"alice+secret@example.org": "gate@all.example",
	}})
	for _, tc := range []struct {
		address string
		want    *crypto.Cert
	}{
		{"sales@example.org", alice},
		{"SALES@example.org", alice},
		{"sales+tag@example.org", alice},
		{"alice@old.example", alice},
		{"alice+tag@old.example", alice},
		{"alice@Bücher.example", alice},
		{"special@old.example", nil},
		{"anybody@all.example", gateway},
		{"loop@example.org", nil}, // mapped once only
		{`"a b"@example.org`, alice},
		{"undelivered@all.example", nil},
		{"alice+secret@example.org", gateway},
		{"alice+other@example.org", alice},
	} {
		if a := d.Lookup(t.Context(), addr(t, tc.address)); !sameCert(a.Cert, tc.want) {
			t.Errorf("%s: %s, want %s; trace %+v", tc.address, fingerprint(a.Cert), fingerprint(tc.want), a.Trace)
		}
	}
	for _, q := range wkd.questions() {
		if strings.Contains(q, "old.example") || strings.Contains(q, "cher") {
			t.Errorf("the old domain was asked: %s", q)
		}
	}
}

func TestMemoryFollowsTheClock(t *testing.T) {
	h := newHost(t)
	short := generate(t, "alice@example.org", day, day+time.Minute).Cert()
	importOne(t, h.local, keys.ImportOptions{}, armored(t, short))
	d := h.directory(h.local)
	if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); a.Status != keys.Found {
		t.Errorf("%+v", a)
	}
	h.clock.advance(2 * time.Minute)
	if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); a.Status != keys.None || !strings.Contains(a.Why, "expired") {
		t.Errorf("%+v", a)
	}
}

// TestSecondCertificateWaits shows that an import does not exchange a certificate in use.
func TestSecondCertificateWaits(t *testing.T) {
	h := newHost(t)
	first, second := generate(t, "alice@example.org", 2*day, 0).Cert(), generate(t, "alice@example.org", day, 0).Cert()
	d := h.directory(h.local)
	lookup := func(want *crypto.Cert) {
		t.Helper()
		if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); !sameCert(a.Cert, want) {
			t.Errorf("%s, want %s", fingerprint(a.Cert), fingerprint(want))
		}
	}
	importOne(t, h.local, keys.ImportOptions{}, armored(t, first))
	lookup(first)
	r := importOne(t, h.local, keys.ImportOptions{}, armored(t, second))
	if r.Outcome != keys.Added || !strings.Contains(strings.Join(r.Notes, " "), "sealmilter keys pin alice@example.org "+second.Fingerprint()) {
		t.Errorf("%+v", r)
	}
	lookup(first)
	if err := d.Pin(t.Context(), addr(t, "alice@example.org"), second.Fingerprint()); err != nil {
		t.Error(err)
	}
	lookup(second)
}

// TestOwnKeyIsUsedAtOnce shows that a sender's next key takes the place of the old one for those who write to them.
func TestOwnKeyIsUsedAtOnce(t *testing.T) {
	h := newHost(t)
	d := h.directory(h.local)
	for range 2 {
		key := generate(t, "alice@example.org", day, 0)
		if r := importOne(t, h.senders, keys.ImportOptions{}, armored(t, key)); strings.Contains(strings.Join(r.Notes, " "), "keys pin") {
			t.Errorf("notes %q", r.Notes)
		}
		if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); !sameCert(a.Cert, key.Cert()) || a.Level != keys.Fingerprint {
			t.Errorf("%s, level %v, want %s", fingerprint(a.Cert), a.Level, key.Fingerprint())
		}
	}
}
