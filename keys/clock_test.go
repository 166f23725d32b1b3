package keys_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"sealmilter/internal/store"
	"sealmilter/keys"
)

// TestClockSetBack holds the directory to forgetting what it wrote down while the clock was years ahead.
func TestClockSetBack(t *testing.T) {
	const ahead = 4 * 365 * day
	for _, tc := range []struct {
		name    string
		restart bool
	}{{"in memory", false}, {"in the store", true}} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHost(t)
			alice := generate(t, "alice@example.org", 0, 0).Cert()
			wkd := &provider{name: "wkd", err: errNone}
			d := h.directory(wkd)
			h.clock.advance(ahead)
			if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); a.Status != keys.None {
				t.Fatalf("%+v", a)
			}
			h.clock.advance(-ahead)
			wkd.gives(alice)
			if tc.restart {
				d = h.process(t).directory(wkd)
			}
			if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); !sameCert(a.Cert, alice) {
				t.Errorf("%v, why %q, trace %+v", a.Status, a.Why, a.Trace)
			}
		})
	}
}

// TestServiceAfterTheClockWasSetBack: a domain is asked whether it announces keys, and its silence counts from now.
func TestServiceAfterTheClockWasSetBack(t *testing.T) {
	const ahead = 4 * 365 * day
	h := newHost(t)
	wkd := &provider{name: "wkd", err: errNone}
	d := h.directory(wkd)
	h.clock.advance(ahead)
	d.Lookup(t.Context(), addr(t, "one@example.org"))
	wkd.fails(errSilent)
	d.Lookup(t.Context(), addr(t, "two@example.org"))
	h.clock.advance(-ahead)
	if a := d.Lookup(t.Context(), addr(t, "three@example.org")); a.Status != keys.Unknown {
		t.Errorf("%+v", a)
	}
	h.clock.advance(day + time.Hour)
	if a := d.Lookup(t.Context(), addr(t, "four@example.org")); a.Status != keys.None {
		t.Errorf("silent for a day: %v, trace %+v", a.Status, a.Trace)
	}
	wkd.fails(errNone)
	wkd.announces = true
	h.clock.advance(2 * time.Hour)
	if a := d.Lookup(t.Context(), addr(t, "five@example.org")); !a.Announced {
		t.Errorf("the domain was not asked whether it announces keys: %+v", a)
	}
}

// TestRefreshIsDueAfterTheClockWasSetBack: what was put off by a clock that was ahead is not put off for as long.
func TestRefreshIsDueAfterTheClockWasSetBack(t *testing.T) {
	h := newHost(t)
	wkd := &provider{name: "wkd"}
	d := h.directory(wkd)
	h.clock.advance(10 * 365 * day)
	wkd.gives(generate(t, "alice@example.org", 0, 0).Cert())
	if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); a.Status != keys.Found {
		t.Fatalf("%+v", a)
	}
	h.clock.advance(-10 * 365 * day)
	wkd.questions()
	r := &keys.Refresher{Directory: d, Log: slog.New(slog.DiscardHandler), Wait: func(_ context.Context, pause time.Duration) error {
		if h.clock.advance(pause); h.clock.Now().After(noon.Add(2 * day)) {
			return context.Canceled
		}
		return nil
	}}
	r.Run(t.Context())
	if n := len(wkd.questions()); n < 1 || n > 4 {
		t.Errorf("%d questions in two days", n)
	}
}

// TestNotYetValidIsNoneForNow: an answer that the time alone can change does not stay in memory for ever.
func TestNotYetValidIsNoneForNow(t *testing.T) {
	h := newHost(t)
	unborn := generate(t, "alice@example.org", -time.Hour, 0).Cert()
	importOne(t, h.local, keys.ImportOptions{}, armored(t, unborn))
	d := h.directory(h.local)
	if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); a.Status != keys.None {
		t.Fatalf("%+v", a)
	}
	h.clock.advance(2 * time.Hour)
	if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); !sameCert(a.Cert, unborn) {
		t.Errorf("%v, why %q", a.Status, a.Why)
	}
}

// TestPinnedAnswerOverASilentSourceEnds: that a source did not answer in time is not remembered for ever either.
func TestPinnedAnswerOverASilentSourceEnds(t *testing.T) {
	h := newBubbleHost(t)
	alice := generate(t, "alice@example.org", 0, 0).Cert()
	wkd := &provider{name: "wkd"}
	d := h.directory(wkd)
	wkd.gives(alice)
	d.Lookup(t.Context(), addr(t, "alice@example.org"))
	h.clock.advance(2 * day)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if a := d.Lookup(over, addr(t, "alice@example.org")); !sameCert(a.Cert, alice) {
		t.Fatalf("%v, why %q, trace %+v", a.Status, a.Why, a.Trace)
	}
	wkd.questions()
	h.clock.advance(2 * time.Minute)
	d.Lookup(t.Context(), addr(t, "alice@example.org"))
	if n := len(wkd.questions()); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// TestUnknownIsNotRemembered: nobody else has to wait because one lookup was given up.
func TestUnknownIsNotRemembered(t *testing.T) {
	d := newBubbleHost(t).directory(&provider{name: "wkd", err: errNone})
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, step := range []struct {
		ctx  context.Context
		want keys.Status
	}{{over, keys.Unknown}, {t.Context(), keys.None}} {
		if a := d.Lookup(step.ctx, addr(t, "alice@example.org")); a.Status != step.want {
			t.Errorf("%v, want %v: %+v", a.Status, step.want, a)
		}
	}
}

// TestRemovedByFingerprintIsAskedForAnew: nobody waits a day for a certificate that an administrator has taken away.
func TestRemovedByFingerprintIsAskedForAnew(t *testing.T) {
	h := newHost(t)
	alice := generate(t, "alice@example.org", 0, 0).Cert()
	wkd := &provider{name: "wkd"}
	notes := &diary{}
	d := keys.NewDirectory(h.store, []keys.Source{wkd}, keys.Options{Now: h.clock.Now, Observer: notes})
	wkd.gives(alice)
	d.Lookup(t.Context(), addr(t, "alice@example.org"))
	if err := h.local.Remove(t.Context(), alice.Fingerprint()); err != nil {
		t.Fatal(err)
	}
	if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); !sameCert(a.Cert, alice) {
		t.Errorf("%v, why %q, trace %+v", a.Status, a.Why, a.Trace)
	}
	if _, err := h.store.Certificate(t.Context(), alice.Fingerprint()); err != nil {
		t.Errorf("%v (%v)", err, store.ErrNotFound)
	}
	if err := h.local.Remove(t.Context(), alice.Fingerprint()); err != nil {
		t.Fatal(err)
	}
	notes.read()
	wkd.fails(errNone)
	if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); a.Status != keys.None || len(notes.read()) > 0 {
		t.Errorf("%v: nothing that was there is withdrawn", a.Status)
	}
}
