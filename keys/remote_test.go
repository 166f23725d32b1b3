package keys_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"sealmilter/keys"
)

var (
	errSilent    = errors.New("no answer within 8s")
	errNone      = fmt.Errorf("HTTP 404: %w", keys.ErrNotFound)
	errNoService = fmt.Errorf("no such host: %w", keys.ErrNoService)
)

// TestAnswersAreRemembered walks one address through the times that the configuration sets.
func TestAnswersAreRemembered(t *testing.T) {
	h := newHost(t)
	alice := generate(t, "alice@example.org", day, 100*day).Cert()
	wkd := &provider{name: "wkd"}
	options := keys.Options{Now: h.clock.Now, Fresh: day, Absent: time.Hour, Retry: time.Minute}
	d := keys.NewDirectory(h.store, []keys.Source{wkd}, options)
	restarted := func() *keys.Directory { return keys.NewDirectory(h.process(t).store, []keys.Source{wkd}, options) }
	for _, step := range []struct {
		name    string
		after   time.Duration
		answer  func()
		restart bool
		want    keys.Status
		asked   int // questions for keys
	}{
		{"no key", 0, func() { wkd.fails(errNone) }, false, keys.None, 1},
		{"no key is remembered", 59 * time.Minute, func() { wkd.gives(alice) }, false, keys.None, 0},
		{"by other processes", 0, func() {}, true, keys.None, 0},
		{"for an hour", time.Minute, func() {}, false, keys.Found, 1},
		{"found is remembered", day - time.Second, func() { wkd.fails(errSilent) }, false, keys.Found, 0},
		{"by other processes, too", 0, func() {}, true, keys.Found, 0},
		{"stale, and the source is silent", time.Second, func() {}, false, keys.Found, 1},
		{"it is left alone", 59 * time.Second, func() {}, false, keys.Found, 0},
		{"for a minute", time.Second, func() {}, false, keys.Found, 1},
		{"for long", 10 * day, func() {}, true, keys.Found, 1},
		{"it answers again", time.Minute, func() { wkd.gives(alice) }, false, keys.Found, 1},
		{"and is left alone for a day", day - time.Second, func() {}, false, keys.Found, 0},
		{"it withdraws the key", time.Second, func() { wkd.fails(errNone) }, false, keys.Found, 1},
	} {
		h.clock.advance(step.after)
		step.answer()
		if step.restart {
			d = restarted()
		}
		wkd.questions()
		a := d.Lookup(t.Context(), addr(t, "alice@example.org"))
		asked := slices.DeleteFunc(wkd.questions(), func(q string) bool { return strings.HasPrefix(q, "policy") })
		if a.Status != step.want || len(asked) != step.asked {
			t.Errorf("%s: %v (%s), asked %q; trace %+v", step.name, a.Status, a.Why, asked, a.Trace)
		}
	}
}

// TestExpiredIsRefreshedAtOnce shows that a certificate that ends is asked for again before it counts as none.
func TestExpiredIsRefreshedAtOnce(t *testing.T) {
	h := newHost(t)
	old := generate(t, "alice@example.org", day, day+time.Hour).Cert()
	next := generate(t, "alice@example.org", 0, 10*day).Cert()
	wkd := &provider{name: "wkd"}
	d := h.directory(wkd)
	lookup := func(want keys.Status, cert string, asked int) {
		t.Helper()
		a := d.Lookup(t.Context(), addr(t, "alice@example.org"))
		if q := wkd.questions(); a.Status != want || fingerprint(a.Cert) != cert || len(q) != asked {
			t.Errorf("%v %s, why %q, asked %q", a.Status, fingerprint(a.Cert), a.Why, q)
		}
	}
	wkd.gives(old)
	lookup(keys.Found, old.Fingerprint(), 1)
	h.clock.advance(2 * time.Hour)
	lookup(keys.None, "none", 1) // the source still has the old one
	lookup(keys.None, "none", 0)
	h.clock.advance(time.Hour)
	wkd.gives(next)
	lookup(keys.Found, next.Fingerprint(), 1)
}

func TestExpiredAndSilentIsUnknown(t *testing.T) {
	h := newHost(t)
	old := generate(t, "alice@example.org", day, day+time.Hour).Cert()
	wkd := &provider{name: "wkd"}
	d := h.directory(wkd)
	wkd.gives(old)
	if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); a.Status != keys.Found {
		t.Fatalf("%+v", a)
	}
	h.clock.advance(2 * time.Hour)
	wkd.fails(errSilent)
	for range 3 {
		// An expired certificate is no key, but the domain may have the next one by now.
		if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); a.Status != keys.Unknown || !a.SeenBefore {
			t.Errorf("%+v", a)
		}
		h.clock.advance(30 * time.Second)
	}
	wkd.questions()
	wkd.fails(errNone)
	h.clock.advance(time.Minute)
	if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); a.Status != keys.None || !strings.Contains(a.Why, "expired") {
		t.Errorf("%+v", a)
	}
}

// TestRevokedIsRefreshedAtOnce: when a revocation has come in from elsewhere, the source may have the next certificate.
func TestRevokedIsRefreshedAtOnce(t *testing.T) {
	h := newHost(t)
	rita, revoked := readCert(t, "rita.asc"), readCert(t, "rita-revoked.asc")
	next := generate(t, "rita@example.org", 0, 0).Cert()
	wkd := &provider{name: "wkd"}
	d := h.directory(h.local, wkd)
	lookup := func(want keys.Status, cert string, asked int) {
		t.Helper()
		a := d.Lookup(t.Context(), addr(t, "rita@example.org"))
		if q := wkd.questions(); a.Status != want || fingerprint(a.Cert) != cert || len(q) != asked {
			t.Errorf("%v %s, why %q, asked %q", a.Status, fingerprint(a.Cert), a.Why, q)
		}
	}
	wkd.gives(rita)
	lookup(keys.Found, rita.Fingerprint(), 1)
	h.clock.advance(time.Minute)
	importOne(t, h.local, keys.ImportOptions{For: mailAddrs(t, "other@example.org")}, armored(t, revoked))
	wkd.gives(next)
	h.clock.advance(time.Minute)
	lookup(keys.Found, next.Fingerprint(), 1)
	lookup(keys.Found, next.Fingerprint(), 0)
}

// TestServedStaysKnown lets two questions to one domain cross: the answer to the first must not undo what the second has
// shown of the domain.
func TestServedStaysKnown(t *testing.T) {
	h := newHost(t)
	alice := generate(t, "alice@example.org", 0, 0).Cert()
	wkd := &provider{name: "wkd", err: errNone}
	d := h.directory(wkd)
	wkd.policy = func() {
		wkd.gives(alice)
		if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); a.Status != keys.Found {
			t.Errorf("%+v", a)
		}
	}
	d.Lookup(t.Context(), addr(t, "bob@example.org"))
	wkd.policy = nil
	wkd.fails(errNoService)
	if a := d.Lookup(t.Context(), addr(t, "carol@example.org")); a.Status != keys.Unknown || !a.Announced {
		t.Errorf("%+v", a)
	}
}

// TestPolicyThatCannotBeReadIsAskedForSoon: whoever can silence one question for a domain's policy must not hide it for
// long.
func TestPolicyThatCannotBeReadIsAskedForSoon(t *testing.T) {
	h := newHost(t)
	wkd := &provider{name: "wkd", err: errNone, policyErr: errSilent}
	d := h.directory(wkd)
	for i, want := range []int{2, 1, 2, 1} {
		d.Lookup(t.Context(), addr(t, fmt.Sprintf("user%d@example.org", i)))
		if asked := wkd.questions(); len(asked) != want {
			t.Errorf("step %d: asked %q", i, asked)
		}
		h.clock.advance(31 * time.Minute)
		if i == 1 {
			wkd.policyErr, wkd.announces = nil, true
		}
	}
	wkd.fails(errSilent)
	if a := d.Lookup(t.Context(), addr(t, "last@example.org")); a.Status != keys.Unknown || !a.Announced {
		t.Errorf("%+v", a)
	}
}

// TestDomainsWithoutAService holds the directory to its rule for the many domains that publish no keys.
func TestDomainsWithoutAService(t *testing.T) {
	type step struct {
		after     time.Duration
		err       error // nil: a key is given
		want      keys.Status
		announced bool
		why       string // in the trace
	}
	for _, tc := range []struct {
		name      string
		announces bool
		steps     []step
	}{
		{"there is no such host", false, []step{
			{0, errNoService, keys.None, false, "no such host"},
			{3 * day, errNoService, keys.None, false, "no such host"},
		}},
		{"silent for a day", false, []step{
			{0, errSilent, keys.Unknown, false, "no answer within 8s"},
			{day - time.Second, errSilent, keys.Unknown, false, "no answer"},
			{time.Minute, errSilent, keys.None, false, "this domain has no key service: nothing but failures since 2026-03-01 12:00:00"},
			{2 * time.Hour, errSilent, keys.None, false, "this domain has no key service"},
			{2 * time.Hour, errNone, keys.None, false, "no key"},
			{2 * time.Hour, errSilent, keys.Unknown, false, "no answer"},
		}},
		{"silent twice, long apart", false, []step{
			{0, errSilent, keys.Unknown, false, "no answer"},
			{8 * day, errSilent, keys.Unknown, false, "no answer"},
			{day, errSilent, keys.None, false, "this domain has no key service"},
		}},
		{"an answer in between", false, []step{
			{0, errSilent, keys.Unknown, false, "no answer"},
			{12 * time.Hour, errNone, keys.None, false, "no key"},
			{18 * time.Hour, errSilent, keys.Unknown, false, "no answer"},
		}},
		{"it has served a key", false, []step{
			{0, nil, keys.Found, false, ""},
			{2 * day, errSilent, keys.Unknown, true, "(the domain has served keys since 2026-03-01)"},
			{2 * day, errSilent, keys.Unknown, true, "has served keys"},
			{2 * day, errNoService, keys.Unknown, true, "no such host"},
			{2 * day, errNone, keys.None, true, "no key"},
		}},
		{"it announces keys", true, []step{
			{0, errNone, keys.None, true, "no key"},
			{2 * day, errSilent, keys.Unknown, true, "has served keys"},
			{2 * day, errSilent, keys.Unknown, true, "has served keys"},
			{2 * day, errNoService, keys.Unknown, true, "no such host"},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHost(t)
			wkd := &provider{name: "wkd"}
			for i, step := range tc.steps {
				h.clock.advance(step.after)
				// Each step is another mailbox of the domain, which nobody has asked about yet.
				address := fmt.Sprintf("user%d@example.org", i)
				if wkd.fails(step.err); step.err == nil {
					wkd.gives(generate(t, address, 0, 0).Cert())
				}
				wkd.announces = tc.announces
				a := h.process(t).directory(wkd).Lookup(t.Context(), addr(t, address))
				if a.Status != step.want || a.Announced != step.announced || !strings.Contains(fmt.Sprint(a.Trace), step.why) {
					t.Errorf("step %d: %v, announced %t, trace %v", i, a.Status, a.Announced, a.Trace)
				}
			}
		})
	}
}

// TestWhatASourceSaysIsRecordedAsText: an error may quote what a stranger has written, in any octets and at any length.
func TestWhatASourceSaysIsRecordedAsText(t *testing.T) {
	for _, said := range []string{"octets \x00 \xff \x1b[31m", strings.Repeat("long ", 1000)} {
		h := newHost(t)
		wkd := &provider{name: "wkd", err: errors.New(said)}
		d := h.directory(wkd)
		for range 2 {
			a := d.Lookup(t.Context(), addr(t, "alice@example.org"))
			if detail := a.Trace[0].Detail; a.Status != keys.Unknown || !utf8.ValidString(detail) || strings.ContainsFunc(detail, unicode.IsControl) || len(detail) > 1000 {
				t.Errorf("%v, %q", a.Status, detail)
			}
		}
		if asked := wkd.questions(); len(asked) != 1 {
			t.Errorf("%.10q: asked %q", said, asked)
		}
	}
}

// TestServersOfTheAdministratorsChoice are never taken for absent, however long they are silent.
func TestServersOfTheAdministratorsChoice(t *testing.T) {
	h := newHost(t)
	vks := &keyserver{provider: provider{name: "vks"}}
	d := h.directory(vks)
	for _, err := range []error{errSilent, errNoService, errSilent, errNoService} {
		vks.provider.fails(err)
		if a := d.Lookup(t.Context(), addr(t, "alice@example.org")); a.Status != keys.Unknown {
			t.Errorf("%+v", a)
		}
		h.clock.advance(2 * day)
	}
	if q := vks.provider.questions(); len(q) != 4 {
		t.Errorf("asked %q", q)
	}
}

// TestPolicyIsAskedForSeldom counts the questions that only find out whether a domain serves keys.
func TestPolicyIsAskedForSeldom(t *testing.T) {
	h := newHost(t)
	wkd := &provider{name: "wkd", err: errNone}
	d := h.directory(wkd)
	count := 0
	for i := range 15 { // days
		d.Lookup(t.Context(), addr(t, fmt.Sprintf("user%d@example.org", i)))
		for _, q := range wkd.questions() {
			if q == "policy of example.org" {
				count++
			}
		}
		h.clock.advance(day)
	}
	if count != 3 {
		t.Errorf("the policy was asked for %d times in 15 days", count)
	}
}
