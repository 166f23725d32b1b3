package keys_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"sealmilter/keys"
)

// TestRefreshByFingerprint shows that a revocation comes in from wherever it is, without the correspondent being named.
func TestRefreshByFingerprint(t *testing.T) {
	h := newHost(t)
	rita, revoked := readCert(t, "rita.asc"), readCert(t, "rita-revoked.asc")
	importOne(t, h.local, keys.ImportOptions{}, armored(t, rita))
	notes := &diary{}
	vks := &keyserver{provider: provider{name: "vks", err: errNone}}
	wkd := &provider{name: "wkd", err: errNone}
	d := keys.NewDirectory(h.store, []keys.Source{h.local, wkd, vks}, keys.Options{Now: h.clock.Now, Observer: notes})
	if _, err := d.Refresh(t.Context(), addr(t, "rita@example.org")); !errors.Is(err, keys.ErrNotFound) {
		t.Errorf("nothing is in use: %v", err)
	}
	if a := d.Lookup(t.Context(), addr(t, "rita@example.org")); a.Status != keys.Found {
		t.Fatalf("%+v", a)
	}
	notes.read()
	refresh := func(changed bool, events ...string) {
		t.Helper()
		r, err := d.Refresh(t.Context(), addr(t, "rita@example.org"))
		if err != nil || r.Changed != changed || r.Fingerprint != rita.Fingerprint() {
			t.Errorf("%+v, %v", r, err)
		}
		if got := notes.read(); !slices.Equal(got, events) {
			t.Errorf("events %q, want %q", got, events)
		}
		if asked := vks.provider.questions(); !slices.Contains(asked, rita.Fingerprint()) {
			t.Errorf("the key server was asked %q", asked)
		}
	}
	vks.provider.questions()
	refresh(false) // it has nothing
	if asked := wkd.questions(); slices.Contains(asked, rita.Fingerprint()) {
		t.Errorf("a directory by address was asked %q", asked)
	}
	vks.ring = armored(t, rita)
	refresh(false)
	vks.ring = []byte("garbage")
	refresh(false)
	vks.ring = armored(t, revoked)
	refresh(true, "revoked rita@example.org vks")
	refresh(false)
	if a := d.Lookup(t.Context(), addr(t, "rita@example.org")); a.Status != keys.None {
		t.Errorf("%+v", a)
	}
	// The old copy, imported once more, does not undo it.
	importOne(t, h.local, keys.ImportOptions{}, armored(t, rita))
	vks.ring = armored(t, rita)
	refresh(false)
	if a := d.Lookup(t.Context(), addr(t, "rita@example.org")); a.Status != keys.None {
		t.Errorf("%+v", a)
	}
}

// TestRefreshByAddress shows what a refresh does where a source knows addresses only.
func TestRefreshByAddress(t *testing.T) {
	h := newHost(t)
	first := generate(t, "alice@example.org", 2*day, 0).Cert()
	other := generate(t, "alice@example.org", day, 0).Cert()
	notes := &diary{}
	wkd := &provider{name: "wkd"}
	wkd.gives(first)
	d := keys.NewDirectory(h.store, []keys.Source{h.local, wkd}, keys.Options{Now: h.clock.Now, Observer: notes})
	d.Lookup(t.Context(), addr(t, "alice@example.org"))
	notes.read()
	for _, step := range []struct {
		answer func()
		events []string
	}{
		{func() {}, nil},
		{func() { wkd.fails(errSilent) }, nil},
		{func() { wkd.gives(other) }, []string{"conflict alice@example.org wkd"}},
		{func() { wkd.gives(first) }, nil},
		{func() { wkd.fails(errNone) }, []string{"withdrawn alice@example.org wkd"}},
	} {
		step.answer()
		r, err := d.Refresh(t.Context(), addr(t, "alice@example.org"))
		if got := notes.read(); err != nil || r.Fingerprint != first.Fingerprint() || r.Changed || !slices.Equal(got, step.events) {
			t.Errorf("%+v, events %q, want %q, %v", r, got, step.events, err)
		}
	}
	if c, err := d.Conflicts(t.Context()); err != nil || len(c) > 0 {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestRefreshOverASilentSource: what the sources say in the background replaces no more than it does in a lookup.
func TestRefreshOverASilentSource(t *testing.T) {
	h := newHost(t)
	pinned := generate(t, "alice@example.org", 2*day, 3*day).Cert()
	planted := generate(t, "alice@example.org", day, 0).Cert()
	wkd, dane := &provider{name: "wkd"}, &provider{name: "dane", err: errNone}
	notes := &diary{}
	d := keys.NewDirectory(h.store, []keys.Source{wkd, dane}, keys.Options{Now: h.clock.Now, Observer: notes})
	wkd.gives(pinned)
	if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); !sameCert(a.Cert, pinned) {
		t.Fatalf("%+v", a)
	}
	notes.read()
	h.clock.advance(2 * day) // now it has expired
	wkd.fails(errSilent)
	dane.gives(planted)
	r, err := d.Refresh(t.Context(), addr(t, "alice@example.org"))
	if got := notes.read(); err != nil || r.Fingerprint != pinned.Fingerprint() || len(got) > 0 {
		t.Errorf("%+v, events %q, %v", r, got, err)
	}
	wkd.fails(errNone)
	r, err = d.Refresh(t.Context(), addr(t, "alice@example.org"))
	if err != nil || r.Fingerprint != planted.Fingerprint() || !r.Changed {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestRefresher runs the background refresh with a clock of its own.
func TestRefresher(t *testing.T) {
	h := newHost(t)
	const count = 20
	wkd := &provider{name: "wkd"}
	d := keys.NewDirectory(h.store, []keys.Source{wkd}, keys.Options{Now: h.clock.Now, Refresh: day})
	for i := range count {
		address := fmt.Sprintf("user%02d@example.org", i)
		wkd.gives(generate(t, address, 0, 0).Cert())
		if a := d.Lookup(t.Context(), addr(t, address)); a.Status != keys.Found {
			t.Fatalf("%+v", a)
		}
	}
	wkd.questions()
	wkd.fails(errSilent)

	// Two processes on the store, one after the other, for two days together.
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	end := noon.Add(2 * day)
	var pauses []time.Duration
	run := func(d *keys.Directory, until time.Time) {
		r := &keys.Refresher{Directory: d, Log: slog.New(slog.DiscardHandler), Wait: func(_ context.Context, pause time.Duration) error {
			pauses = append(pauses, pause)
			if h.clock.advance(pause); h.clock.Now().After(until) {
				return context.Canceled
			}
			return nil
		}}
		r.Run(ctx)
	}
	run(d, noon.Add(day))
	run(h.process(t).directory(wkd), end)
	times := map[string]int{}
	for _, q := range wkd.questions() {
		times[q]++
	}
	total := 0
	for i := range count {
		address := fmt.Sprintf("user%02d@example.org", i)
		n := times[address]
		if total += n; n < 1 || n > 4 {
			t.Errorf("%s was asked about %d times in two days", address, n)
		}
	}
	if total < 3*count/2 || total > 4*count {
		t.Errorf("%d questions about %d certificates in two days", total, count)
	}
	slices.Sort(pauses)
	if distinct := len(slices.Compact(pauses)); distinct < count || pauses[distinct-1] > time.Hour {
		t.Errorf("%d different pauses, the longest %v", distinct, pauses[distinct-1])
	}
}

// TestRefresherSurvivesAPanic: one certificate that nobody can cope with does not end the care for all others, nor the
// program.
func TestRefresherSurvivesAPanic(t *testing.T) {
	h := newHost(t)
	vks := &keyserver{provider: provider{name: "vks"}}
	vks.provider.gives(generate(t, "alice@example.org", 0, 0).Cert())
	if a := h.directory(vks).Lookup(t.Context(), addr(t, "alice@example.org")); a.Status != keys.Found {
		t.Fatalf("%+v", a)
	}
	d := keys.NewDirectory(h.store, []keys.Source{vks}, keys.Options{Now: h.clock.Now, Observer: broken{}})
	rounds := 0
	r := &keys.Refresher{Directory: d, Log: slog.New(slog.DiscardHandler), Wait: func(context.Context, time.Duration) error {
		h.clock.advance(day)
		if rounds++; rounds > 3 {
			return context.Canceled
		}
		return nil
	}}
	vks.provider.questions()
	r.Run(t.Context())
	if n := len(vks.provider.questions()); n != 3 {
		t.Errorf("asked %d times in three days", n)
	}
}

// TestRefreshAsksNoMoreThanItMust: once a source has the certificate for the address, the next ones need not hear of it.
func TestRefreshAsksNoMoreThanItMust(t *testing.T) {
	h := newHost(t)
	wkd, dane := &provider{name: "wkd"}, &provider{name: "dane", err: errNone}
	wkd.gives(generate(t, "alice@example.org", 0, 0).Cert())
	d := h.directory(wkd, dane)
	d.Lookup(t.Context(), addr(t, "alice@example.org"))
	dane.questions()
	if _, err := d.Refresh(t.Context(), addr(t, "alice@example.org")); err != nil || len(dane.questions()) > 0 {
		t.Errorf("a second source was asked, %v", err)
	}
}

// TestRefresherForgets what sources said long ago, once a day, and nothing else.
func TestRefresherForgets(t *testing.T) {
	h := newHost(t)
	wkd := &provider{name: "wkd", err: errNone}
	d := h.directory(wkd)
	row := func(address string) bool {
		_, err := h.store.Lookup(t.Context(), address, "wkd")
		return err == nil
	}
	turn := func(rounds int) {
		r := &keys.Refresher{Directory: d, Log: slog.New(slog.DiscardHandler), Wait: func(context.Context, time.Duration) error {
			if rounds--; rounds < 0 {
				return context.Canceled
			}
			h.clock.advance(time.Hour)
			return nil
		}}
		r.Run(t.Context())
	}
	d.Lookup(t.Context(), addr(t, "old@example.org"))
	h.clock.advance(89 * day)
	d.Lookup(t.Context(), addr(t, "new@example.org"))
	if turn(1); !row("old@example.org") || !row("new@example.org") {
		t.Error("forgotten too early")
	}
	h.clock.advance(2 * day)
	if turn(1); row("old@example.org") || !row("new@example.org") {
		t.Errorf("old kept %t, new kept %t", row("old@example.org"), row("new@example.org"))
	}
}

// TestRefreshSparesTheAddress shows that a certificate which is asked about by its fingerprint is not asked for by the
// address with the next message.
func TestRefreshSparesTheAddress(t *testing.T) {
	h := newHost(t)
	alice := generate(t, "alice@example.org", day, 0).Cert()
	vks := &keyserver{provider: provider{name: "vks"}, ring: armored(t, alice)}
	vks.provider.gives(alice)
	d := h.directory(h.local, vks)
	for i := range 5 {
		if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); !sameCert(a.Cert, alice) {
			t.Errorf("%+v", a)
		}
		asked := vks.provider.questions()
		if byAddress := slices.Contains(asked, "alice@example.org"); byAddress != (i == 0 || i == 4) {
			t.Errorf("lookup %d: asked %q", i, asked)
		}
		if i == 2 {
			vks.ring = nil // it no longer has it
		}
		h.clock.advance(18 * time.Hour)
		if _, err := d.Refresh(t.Context(), addr(t, "alice@example.org")); err != nil {
			t.Error(err)
		}
	}
}
