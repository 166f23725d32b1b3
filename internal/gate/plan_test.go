package gate_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"sealmilter/internal/gate"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// certificates is a key directory made of one function.
type certificates func(ctx context.Context, addr mail.Addr) keys.Answer

func (c certificates) Lookup(ctx context.Context, addr mail.Addr) keys.Answer { return c(ctx, addr) }

func toMany(t *testing.T, n int) *mail.Message {
	t.Helper()
	env := &mail.Envelope{Sender: addr(t, "alice@example.org"), Login: "alice@example.org"}
	for i := range n {
		to := fmt.Sprintf("user%d@example.net", i)
		env.Recipients = append(env.Recipients, mail.Recipient{Addr: addr(t, to), Raw: "<" + to + ">"})
	}
	m := &mail.Message{Envelope: env}
	m.Header, m.Body = mail.SplitMessage([]byte("From: alice@example.org\r\n\r\ntext\r\n"))
	return m
}

// TestLookupsWaitTogether has every lookup wait for the others: one after the other they would wait for ever.
func TestLookupsWaitTogether(t *testing.T) {
	const n = 10
	w := newWorld(t)
	var all sync.WaitGroup
	all.Add(n)
	w.Certificates = certificates(func(_ context.Context, to mail.Addr) keys.Answer {
		all.Done()
		all.Wait()
		return keys.Answer{Status: keys.None, Why: "nobody knows " + to.String()}
	})
	plan, err := w.Plan(t.Context(), toMany(t, n))
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range plan.Decisions {
		if want := fmt.Sprintf("nobody knows user%d@example.net", i); d.Why != want {
			t.Errorf("recipient %d: %q", i, d.Why)
		}
	}
}

func TestPanicInALookupSendsNothing(t *testing.T) {
	w := newWorld(t)
	w.Certificates = certificates(func(context.Context, mail.Addr) keys.Answer { panic("a directory is broken") })
	plan, err := w.Plan(t.Context(), toMany(t, 2))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range plan.Decisions {
		if d.Do != gate.Defer {
			t.Errorf("%s: %v", d.To.Addr, d.Do)
		}
	}
}
