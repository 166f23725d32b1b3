package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
)

var errFull = errors.New("the disk is full")

// fullLedger can be read, but not written to.
type fullLedger struct {
	outbox.Ledger
	full atomic.Bool
}

func (l *fullLedger) RecordSent(ctx context.Context, message string, copies []string, expires time.Time) error {
	if l.full.Load() {
		return errFull
	}
	return l.Ledger.RecordSent(ctx, message, copies, expires)
}

// TestUnrecordedCopies has a ledger that takes no records. Nothing is sent until it does: every try of every client would
// send a copy once more.
func TestUnrecordedCopies(t *testing.T) {
	ledger := &fullLedger{Ledger: newLedger(t)}
	ledger.full.Store(true)
	q := newQueue(t, nil)
	o := outbox.New(q.addr, ledger, time.Now)
	to := []mail.Recipient{recipient(t, "bob@example.net"), recipient(t, "dave@example.net")}
	messages := []*mail.Message{message(t, "Message-ID: <1@client.example>\n"), message(t, "Message-ID: <2@client.example>\n")}
	for i := range 4 {
		if err := deliver(t, o, messages[i%2], to); !errors.Is(err, errFull) {
			t.Fatal(err)
		}
	}
	if len(q.got) != 0 {
		t.Fatalf("%d copies are in the queue: %+v", len(q.got), q.got)
	}
	ledger.full.Store(false)
	for i := range 4 {
		if err := deliver(t, o, messages[i%2], to); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, d := range q.got {
		got = append(got, d.to)
	}
	if want := "[bob@example.net dave@example.net bob@example.net dave@example.net]"; fmt.Sprint(got) != want {
		t.Errorf("then copies went to %v, want %s", got, want)
	}
}

// TestRecordThatFailed has the ledger refuse the record of a copy that is in the queue. The next try of a message with a
// Message-ID knows it all the same, when the ledger works again; of one without, which may be another message, nothing is
// kept.
func TestRecordThatFailed(t *testing.T) {
	for _, tc := range []struct{ name, header, want string }{
		{"named", "Message-ID: <1@client.example>\n", "[bob@example.net dave@example.net]"},
		{"unnamed", "Subject: x\n", "[bob@example.net bob@example.net dave@example.net]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ledger := &fullLedger{Ledger: newLedger(t)}
			q := newQueue(t, nil)
			o := outbox.New(q.addr, ledger, time.Now)
			to := []mail.Recipient{recipient(t, "bob@example.net"), recipient(t, "dave@example.net")}
			m := message(t, tc.header)
			a, err := o.Begin(t.Context(), outbox.Identify(m))
			if err != nil {
				t.Fatal(err)
			}
			c := copyTo(to[0])
			c.Body = halfway(func() { ledger.full.Store(true) })
			if err := a.Send(t.Context(), m.Envelope, c); !errors.Is(err, errFull) || len(q.got) != 1 {
				t.Fatalf("%v, %d copies", err, len(q.got))
			}
			a.End()
			if err := deliver(t, o, m, to); !errors.Is(err, errFull) {
				t.Fatal(err)
			}
			ledger.full.Store(false)
			if err := deliver(t, o, m, to); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range q.got {
				got = append(got, d.to)
			}
			if fmt.Sprint(got) != tc.want {
				t.Errorf("copies went to %v, want %s", got, tc.want)
			}
			// What was written late is in the ledger for good.
			again := outbox.New(q.addr, ledger, time.Now)
			sent, err := again.Recorded(t.Context(), outbox.Identify(m), to[0])
			if err != nil || sent != (tc.name == "named") {
				t.Errorf("recorded %v, %v", sent, err)
			}
		})
	}
}

// TestRecordThatFailsMeanwhile has the record of one copy fail while that of another one is made late: the ledger is
// not in order again, and no further copy leaves.
func TestRecordThatFailsMeanwhile(t *testing.T) {
	ledger := &flushedLedger{fullLedger: fullLedger{Ledger: newLedger(t)}}
	underway, release := make(chan struct{}), make(chan struct{})
	q := startMTA(t, &mta{dot: func(to string) string {
		if to == "slow@example.net" {
			close(underway)
			<-release
		}
		return ""
	}})
	o := outbox.New(q.addr, ledger, time.Now)
	defer o.Close()
	slow, env := begin(t, o, "Message-ID: <slow@x>\n")
	defer slow.End()
	sent := make(chan error, 1)
	go func() { sent <- slow.Send(t.Context(), env, copyTo(recipient(t, "slow@example.net"))) }()
	<-underway

	first, env := begin(t, o, "Message-ID: <first@x>\n")
	defer first.End()
	c := copyTo(recipient(t, "bob@example.net"))
	c.Body = halfway(func() { ledger.full.Store(true) })
	if err := first.Send(t.Context(), env, c); !errors.Is(err, errFull) {
		t.Fatal(err)
	}
	ledger.full.Store(false)
	ledger.flushing = func() {
		ledger.full.Store(true)
		ledger.flushing = nil
		close(release)
		if err := <-sent; !errors.Is(err, errFull) {
			t.Errorf("the record of the slow copy: %v", err)
		}
		ledger.full.Store(false)
	}
	second, env := begin(t, o, "Message-ID: <second@x>\n")
	defer second.End()
	if err := second.Send(t.Context(), env, copyTo(recipient(t, "dave@example.net"))); err == nil {
		t.Error("a copy leaves although the last record has failed")
	}
	if got := q.copies(); got != "slow@example.net bob@example.net" && got != "bob@example.net slow@example.net" {
		t.Errorf("copies went to %q", got)
	}
}

// flushedLedger says that it is going to be flushed.
type flushedLedger struct {
	fullLedger
	flushing func()
}

func (l *flushedLedger) Flush(ctx context.Context) error {
	if l.flushing != nil {
		l.flushing()
	}
	return l.Ledger.Flush(ctx)
}
