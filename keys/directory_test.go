package keys_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// fake is a source that answers with fixed certificates or a fixed error, and keeps record of what it was asked.
type fake struct {
	name  string
	certs []*crypto.Cert
	err   error
	only  string // the one address it knows, "" for any
	asked *[]string
}

func (f *fake) Name() string { return f.name }

func (f *fake) Lookup(_ context.Context, addr mail.Addr) ([]*crypto.Cert, error) {
	*f.asked = append(*f.asked, f.name+" "+addr.String())
	if f.only != "" && f.only != addr.String() {
		return nil, keys.ErrNotFound
	}
	return f.certs, f.err
}

type panicking struct{ fake }

func (p *panicking) Lookup(context.Context, mail.Addr) ([]*crypto.Cert, error) {
	panic("a source is broken")
}

func TestDirectoryLookup(t *testing.T) {
	const day = 24 * time.Hour
	alice := generate(t, "alice@example.org", 10*day, 0).Cert()
	newer := generate(t, "alice@example.org", 5*day, 0).Cert()
	expired := generate(t, "alice@example.org", 3*day, day).Cert()
	unborn := generate(t, "alice@example.org", -day, 0).Cert()
	bob := generate(t, "bob@example.org", day, 0).Cert()
	rita, revoked := readCert(t, "rita.asc"), readCert(t, "rita-revoked.asc")

	has := func(certs ...*crypto.Cert) *fake { return &fake{certs: certs} }
	knows := func(address string, certs ...*crypto.Cert) *fake { return &fake{certs: certs, only: address} }
	none := &fake{err: fmt.Errorf("asked the server: %w", keys.ErrNotFound)}
	silent := &fake{err: errors.New("no route to host")}

	for _, tc := range []struct {
		name    string
		address string
		sources []*fake // named a, b, c, ...
		status  keys.Status
		cert    *crypto.Cert
		why     string
		seen    bool
		asked   []string
	}{
		{"no source", "alice@example.org", nil, keys.None, nil, "no source has a key", false, nil},
		{"none knows it", "alice@example.org", []*fake{none, none}, keys.None, nil, "no source has a key", false,
			[]string{"a alice@example.org", "b alice@example.org"}},
		{"first has it", "alice@example.org", []*fake{has(alice), has(newer)}, keys.Found, alice, "", true,
			[]string{"a alice@example.org"}},
		{"first has it, second is dead", "alice@example.org", []*fake{has(alice), silent}, keys.Found, alice, "", true,
			[]string{"a alice@example.org"}},
		{"second has it", "alice@example.org", []*fake{none, has(alice)}, keys.Found, alice, "", true, nil},
		{"first is silent, second says none", "alice@example.org", []*fake{silent, none}, keys.Unknown, nil, "a did not answer", false,
			[]string{"a alice@example.org", "b alice@example.org"}},
		{"second is silent", "alice@example.org", []*fake{none, silent}, keys.Unknown, nil, "b did not answer", false, nil},
		{"first is silent, second has it", "alice@example.org", []*fake{silent, has(alice)}, keys.Unknown, nil,
			"a did not answer, and b, which has a key, is trusted less", true, nil},
		{"silent and unusable", "alice@example.org", []*fake{has(expired), silent}, keys.Unknown, nil, "b did not answer", false, nil},
		{"says nothing at all", "alice@example.org", []*fake{has()}, keys.Unknown, nil, "a did not answer", false, nil},

		{"newest wins", "alice@example.org", []*fake{has(alice, newer)}, keys.Found, newer, "", true, nil},
		{"newest that can be used wins", "alice@example.org", []*fake{has(expired, alice, newer, unborn)}, keys.Found, newer, "", true, nil},
		{"usable one behind an expired one", "alice@example.org", []*fake{has(expired), has(alice)}, keys.Found, alice, "", true, nil},

		{"expired", "alice@example.org", []*fake{has(expired), none}, keys.None, nil,
			"its certificate expired on 2026-02-27 (" + expired.Fingerprint() + ")", false, nil},
		{"not yet valid", "alice@example.org", []*fake{has(unborn)}, keys.None, nil, "is valid only from 2026-03-02", false, nil},
		{"revoked", "rita@example.org", []*fake{has(revoked)}, keys.None, nil, "its certificate is revoked", false, nil},
		{"weak", "wanda@example.org", []*fake{has(readCert(t, "wanda-weak.asc"))}, keys.None, nil, "1024 bits is too short", false, nil},
		{"cannot encrypt", "sam@example.org", []*fake{has(readCert(t, "sam-cannot-encrypt.asc"))}, keys.None, nil,
			"no key to encrypt to", false, nil},
		{"older copy does not undo a revocation", "rita@example.org", []*fake{has(revoked), has(rita)}, keys.None, nil,
			"its certificate is revoked", false, nil},
		{"certificate of somebody else", "alice@example.org", []*fake{has(bob)}, keys.None, nil, "no source has a key", false, nil},
		{"somebody else's is newer", "alice@example.org", []*fake{has(bob, alice)}, keys.Found, alice, "", true, nil},

		{"case does not count", "ALICE@Example.ORG", []*fake{has(alice)}, keys.Found, alice, "", true, nil},
		{"without the tag", "alice+news@example.org", []*fake{knows("alice@example.org", alice)}, keys.Found, alice, "", true,
			[]string{"a alice+news@example.org", "a alice@example.org"}},
		{"a source is asked for both before the next", "alice+news@example.org", []*fake{none, none}, keys.None, nil, "", false,
			[]string{"a alice+news@example.org", "a alice@example.org", "b alice+news@example.org", "b alice@example.org"}},
		{"silence about the tag counts", "alice+news@example.org", []*fake{silent}, keys.Unknown, nil, "a did not answer", false,
			[]string{"a alice+news@example.org"}},
		{"tag alone is a name", "+news@example.org", []*fake{none}, keys.None, nil, "", false, []string{"a +news@example.org"}},
		{"quotes stay", `"a @x:b+c"@example.org`, []*fake{none}, keys.None, nil, "", false, []string{`a "a @x:b+c"@example.org`}},
		{"quotes may hide a source route", `"@x.example:bob+c"@example.org`, []*fake{none}, keys.None, nil, "", false,
			[]string{`a "@x.example:bob+c"@example.org`}},

		{"address literal", "alice@[192.0.2.1]", []*fake{has(alice)}, keys.None, nil, "no source has a key", false, []string{}},
		{"mailbox of this host", "root", []*fake{has(alice)}, keys.None, nil, "no source has a key", false, []string{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var asked []string
			var sources []keys.Source
			for i, s := range tc.sources {
				s := *s
				s.name, s.asked = string(rune('a'+i)), &asked
				sources = append(sources, &s)
			}
			got := newHost(t).directory(sources...).Lookup(t.Context(), addr(t, tc.address))
			if got.Status != tc.status || !sameCert(got.Cert, tc.cert) || got.SeenBefore != tc.seen || !strings.Contains(got.Why, tc.why) {
				t.Errorf("%v, certificate %s, seen %t, why %q, trace %+v", got.Status, fingerprint(got.Cert), got.SeenBefore, got.Why, got.Trace)
			}
			if tc.status == keys.Found && (got.Source != got.Trace[len(got.Trace)-1].Source || got.Why != "") {
				t.Errorf("found by %q, why %q", got.Source, got.Why)
			}
			if tc.asked != nil && !slices.Equal(asked, tc.asked) {
				t.Errorf("asked %q, want %q", asked, tc.asked)
			}
			if len(got.Trace) != len(asked) {
				t.Errorf("%d questions, but the trace is %+v", len(asked), got.Trace)
			}
		})
	}
}

func TestSeenBeforeIsRemembered(t *testing.T) {
	h := newHost(t)
	var asked []string
	alice := generate(t, "alice@example.org", 0, 0).Cert()
	lookup := func(h *host, address string, s *fake) keys.Answer {
		s.name, s.asked = "a", &asked
		return h.directory(s).Lookup(t.Context(), addr(t, address))
	}
	silent := &fake{err: errors.New("no route to host")}
	if a := lookup(h, "alice@example.org", silent); a.Status != keys.Unknown || a.SeenBefore {
		t.Errorf("before: %+v", a)
	}
	h.clock.advance(time.Hour)
	if a := lookup(h, "alice@example.org", &fake{certs: []*crypto.Cert{alice}}); a.Status != keys.Found {
		t.Errorf("%+v", a)
	}
	other := h.process(t)
	if err := other.local.Remove(t.Context(), "alice@example.org"); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"alice@example.org", "ALICE@example.org", "alice+tag@example.org"} {
		if a := lookup(other, address, silent); a.Status != keys.Unknown || !a.SeenBefore {
			t.Errorf("%s: %+v", address, a)
		}
	}
	if a := lookup(other, "bob@example.org", silent); a.SeenBefore {
		t.Errorf("somebody else: %+v", a)
	}
	// Without its record the directory must assume the worst.
	other.store.Close()
	if a := lookup(other, "bob@example.org", silent); a.Status != keys.Unknown || !a.SeenBefore || !strings.Contains(a.Why, "closed") {
		t.Errorf("without a store: %+v", a)
	}
}

func TestPanicInASourceIsNoAnswer(t *testing.T) {
	a := newHost(t).directory(&panicking{fake{name: "a"}}).Lookup(t.Context(), addr(t, "alice@example.org"))
	if a.Status != keys.Unknown || a.Why != "a did not answer" || !strings.Contains(a.Trace[0].Detail, "a source is broken") {
		t.Errorf("%+v", a)
	}
}

func TestPanicOverAPolicyIsNoAnswer(t *testing.T) {
	wkd := &provider{name: "wkd", err: errNone, policy: func() { panic("a policy is broken") }}
	d := newHost(t).directory(wkd)
	if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); a.Status != keys.Unknown || !strings.Contains(a.Trace[0].Detail, "a policy is broken") {
		t.Errorf("%+v", a)
	}
	wkd.policy = nil
	if a := d.Lookup(t.Context(), addr(t, "bob@example.org")); a.Status != keys.None {
		t.Errorf("%+v", a)
	}
}

// TestPanicOfAnObserverIsNoAnswer: whatever fails on the way of an answer, the process lives on.
func TestPanicOfAnObserverIsNoAnswer(t *testing.T) {
	h := newHost(t)
	wkd := &provider{name: "wkd"}
	d := keys.NewDirectory(h.store, []keys.Source{wkd}, keys.Options{Now: h.clock.Now, Observer: broken{}})
	if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); a.Status != keys.Unknown {
		t.Errorf("%+v", a)
	}
}

type broken struct{}

func (broken) Asked(string, keys.Status, time.Duration) { panic("an observer is broken") }
func (broken) Happened(keys.Event)                      { panic("an observer is broken") }

// gate is a source that answers when it is opened or its time is over.
type gate struct {
	open  chan struct{}
	certs []*crypto.Cert
	asked atomic.Int32
}

func (g *gate) Name() string { return "gate" }

func (g *gate) Lookup(ctx context.Context, _ mail.Addr) ([]*crypto.Cert, error) {
	g.asked.Add(1)
	select {
	case <-g.open:
		return g.certs, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestLookupEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newBubbleHost(t)
		start := time.Now()
		a := h.directory(&gate{}).Lookup(t.Context(), addr(t, "alice@example.org"))
		if a.Status != keys.Unknown || a.Why != "gate did not answer" || time.Since(start) != time.Minute {
			t.Errorf("after %v: %+v", time.Since(start), a)
		}
	})
	h := newBubbleHost(t)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	asked := []string{}
	a := h.directory(&fake{name: "a", err: keys.ErrNotFound, asked: &asked}, h.local).Lookup(over, addr(t, "alice@example.org"))
	if a.Status != keys.Unknown || a.Why != "a, local did not answer" || len(asked) > 0 {
		t.Errorf("asked %q when the time was over: %+v", asked, a)
	}
}

func TestConcurrentLookupsAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newBubbleHost(t)
		alice := generate(t, "alice@example.org", 0, 0).Cert()
		g := &gate{open: make(chan struct{}), certs: []*crypto.Cert{alice}}
		d := h.directory(g)
		leaving, leave := context.WithCancel(t.Context())
		answers := make(chan keys.Answer)
		ask := func(ctx context.Context) { answers <- d.Lookup(ctx, addr(t, "alice@example.org")) }
		go ask(leaving)
		synctest.Wait() // the flight belongs to the one who leaves
		go ask(t.Context())
		go ask(t.Context())
		synctest.Wait()
		leave()
		if a := <-answers; a.Status != keys.Unknown {
			t.Errorf("the one who left: %+v", a)
		}
		close(g.open)
		for range 2 {
			if a := <-answers; a.Status != keys.Found || !sameCert(a.Cert, alice) {
				t.Errorf("one who stayed: %+v", a)
			}
		}
		if n := g.asked.Load(); n != 1 {
			t.Errorf("the source was asked %d times", n)
		}
	})
}
