package outbox_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
)

// TestUnanswered has a message be finished whose client then is not told so: its next try sends no copy again. Told so, a
// client that sends the same text without a Message-ID means another message.
func TestUnanswered(t *testing.T) {
	for _, tc := range []struct {
		name, header string
		end          []func(*outbox.Attempt)
		want         string
	}{
		{"unnamed, answered", "Subject: x\n", []func(*outbox.Attempt){(*outbox.Attempt).Answered, (*outbox.Attempt).Unanswered}, "bob@example.net bob@example.net"},
		{"unnamed, unanswered", "Subject: x\n", []func(*outbox.Attempt){(*outbox.Attempt).Unanswered}, "bob@example.net"},
		{"named, answered", "Message-ID: <1@x>\n", []func(*outbox.Attempt){(*outbox.Attempt).Answered, (*outbox.Attempt).Unanswered}, "bob@example.net"},
		{"named, unanswered", "Message-ID: <1@x>\n", []func(*outbox.Attempt){(*outbox.Attempt).Unanswered}, "bob@example.net"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q := newMTA(t, nil)
			o := outbox.New(q.addr, newLedger(t), time.Now)
			m, to := message(t, tc.header), recipient(t, "bob@example.net")
			a, err := o.Begin(t.Context(), outbox.Identify(m))
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Send(t.Context(), m.Envelope, copyTo(to)); err != nil {
				t.Fatal(err)
			}
			if err := a.Finish(t.Context()); err != nil {
				t.Fatal(err)
			}
			a.End()
			for _, end := range tc.end {
				end(a)
			}
			if err := deliver(t, o, m, []mail.Recipient{to}); err != nil || q.copies() != tc.want {
				t.Errorf("%v, copies went to %q, want %q", err, q.copies(), tc.want)
			}
		})
	}
}

// standby is a witness that writes down what it is told, and what the MTA has got by then.
type standby struct {
	mta  *mta
	told []string
}

func (s *standby) Watch(conn *net.TCPConn, octets int, message string, copies []string, expires time.Time) (forget func()) {
	s.told = append(s.told, "watch with "+s.mta.copies())
	return func() { s.told = append(s.told, "forget with "+s.mta.copies()) }
}

func (s *standby) Remember(message string, copies []string, expires time.Time) (forget func()) {
	s.told = append(s.told, "remember")
	return func() { s.told = append(s.told, "answered") }
}

// TestWitnessIsTold follows what a witness is told, with an MTA that refuses the second copy.
func TestWitnessIsTold(t *testing.T) {
	var refuses atomic.Bool
	q := newMTA(t, func(command string) string {
		if command == "." && refuses.Load() {
			return "451 4.3.0 later"
		}
		return ""
	})
	w := &standby{mta: q}
	ledger := &flushLedger{Ledger: newLedger(t)}
	o := outbox.New(q.addr, ledger, time.Now)
	o.Witness = w
	m := message(t, "Subject: x\n")
	a, err := o.Begin(t.Context(), outbox.Identify(m))
	if err != nil {
		t.Fatal(err)
	}
	defer a.End()
	if err := a.Send(t.Context(), m.Envelope, copyTo(recipient(t, "bob@example.net"))); err != nil {
		t.Fatal(err)
	}
	// What ends before the final dot is nothing for a witness, or nothing any more.
	ledger.flush = func(context.Context) error { return errFull }
	if err := a.Send(t.Context(), m.Envelope, copyTo(recipient(t, "carol@example.net"))); err == nil {
		t.Fatal("a copy was sent although the last record was not flushed")
	}
	ledger.flush = nil
	refuses.Store(true)
	if err := a.Send(t.Context(), m.Envelope, copyTo(recipient(t, "dave@example.net"))); err == nil {
		t.Fatal("a refused copy was sent")
	}
	if err := a.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.Answered()
	want := []string{"watch with ", "forget with bob@example.net", "watch with bob@example.net", "forget with bob@example.net dave@example.net",
		"remember", "answered"}
	if !slices.Equal(w.told, want) {
		t.Errorf("the witness was told %q, want %q", w.told, want)
	}
}

// TestEagerListener has the MTA say yes before the final dot: it does not get that, since its yes is about nothing.
func TestEagerListener(t *testing.T) {
	heard := make(chan struct{})
	q := newMTA(t, func(command string) string {
		if command == "text" {
			defer close(heard)
			return "250 2.0.0 Ok, whatever comes"
		}
		return ""
	})
	m, to := message(t, "Message-ID: <1@x>\n"), recipient(t, "bob@example.net")
	a, err := outbox.New(q.addr, newLedger(t), time.Now).Begin(t.Context(), outbox.Identify(m))
	if err != nil {
		t.Fatal(err)
	}
	defer a.End()
	c := copyTo(to)
	c.Body = halfway(func() { <-heard })
	err = a.Send(t.Context(), m.Envelope, c)
	if failure := mail.AsFailure(err); err == nil || !failure.Temporary() || a.Sent(to) || q.copies() != "" {
		t.Errorf("%v, sent %t, copies went to %q", err, a.Sent(to), q.copies())
	}
}

// TestWitnessOfLateRecords has the ledger fail to record a copy that was sent: the witness is to do so if the process
// dies before that works.
func TestWitnessOfLateRecords(t *testing.T) {
	q := newMTA(t, nil)
	w := &standby{mta: q}
	ledger := &fullLedger{Ledger: newLedger(t)}
	o := outbox.New(q.addr, ledger, time.Now)
	o.Witness = w
	m, to := message(t, "Message-ID: <1@x>\n"), recipient(t, "bob@example.net")
	a, err := o.Begin(t.Context(), outbox.Identify(m))
	if err != nil {
		t.Fatal(err)
	}
	c := copyTo(to)
	c.Body = halfway(func() { ledger.full.Store(true) })
	if err := a.Send(t.Context(), m.Envelope, c); !errors.Is(err, errFull) {
		t.Fatal(err)
	}
	a.End()
	if want := []string{"watch with ", "remember", "forget with bob@example.net"}; !slices.Equal(w.told, want) {
		t.Errorf("the witness was told %q, want %q", w.told, want)
	}
	ledger.full.Store(false)
	if err := deliver(t, o, m, []mail.Recipient{to}); err != nil || q.copies() != "bob@example.net" {
		t.Errorf("%v, copies went to %q", err, q.copies())
	}
	if last := w.told[len(w.told)-1]; last != "answered" {
		t.Errorf("the witness was last told %q", last)
	}
}
