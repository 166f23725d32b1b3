package keys_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"sealmilter/keys"
)

// TestOutage counts how many questions wait in vain for a place that does not answer.
func TestOutage(t *testing.T) {
	timeout := fmt.Errorf("nothing was heard: %w", context.DeadlineExceeded)
	type step struct {
		after   time.Duration
		address string
		err     error
		asked   bool
	}
	domain := []step{
		{0, "a@example.org", timeout, true},
		{0, "b@example.org", timeout, true},
		{0, "c@example.org", timeout, true},
		{0, "d@example.org", timeout, false},
		{59 * time.Second, "e@example.org", timeout, false},
	}
	for _, tc := range []struct {
		name   string
		source func(p *provider) keys.Source
		steps  []step
	}{
		{"a domain", func(p *provider) keys.Source { return p }, append(domain[:len(domain):len(domain)],
			step{0, "a@other.example", timeout, true},
			step{time.Second, "f@example.org", timeout, true}, // one tries again
			step{0, "g@example.org", timeout, false},
			step{time.Minute, "h@example.org", errNone, true},
			step{0, "i@example.org", timeout, true},
			step{0, "j@example.org", timeout, true},
		)},
		{"a server for all", func(p *provider) keys.Source { return &keyserver{provider: provider{name: p.name}} }, append(domain[:len(domain):len(domain)],
			step{0, "a@other.example", timeout, false},
			step{time.Second, "b@other.example", timeout, true},
		)},
		{"an answer in between", func(p *provider) keys.Source { return p }, []step{
			{0, "a@example.org", timeout, true},
			{0, "b@example.org", timeout, true},
			{0, "c@example.org", errSilent, true}, // broken, but there
			{0, "d@example.org", timeout, true},
			{0, "e@example.org", timeout, true},
			{0, "f@example.org", timeout, true},
			{0, "g@example.org", timeout, false},
			{-time.Hour, "h@example.org", timeout, true}, // the clock was set back
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHost(t)
			source := tc.source(&provider{name: "remote"})
			p, own := source.(*provider)
			if !own {
				p = &source.(*keyserver).provider
			}
			d := h.directory(source)
			for i, s := range tc.steps {
				h.clock.advance(s.after)
				p.fails(s.err)
				a := d.Lookup(t.Context(), addr(t, s.address))
				if s.err != errNone && a.Status != keys.Unknown {
					t.Errorf("step %d: %+v", i, a)
				}
				asked := false
				for _, q := range p.questions() {
					asked = asked || q == s.address
				}
				if asked != s.asked {
					t.Errorf("step %d: asked %t", i, asked)
				}
			}
		})
	}
}
