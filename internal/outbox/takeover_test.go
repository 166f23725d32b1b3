package outbox_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"sealmilter/internal/outbox"
)

// countedLedger counts flushes.
type countedLedger struct {
	outbox.Ledger
	flushes atomic.Int32
}

func (l *countedLedger) Flush(ctx context.Context) error {
	defer l.flushes.Add(1)
	return l.Ledger.Flush(ctx)
}

// TestRecordOfADeadProcessIsFlushed has a process die between a record and its flush. The record survives that; the next
// try flushes it before another copy is sent, so that a loss of power cannot repeat both.
func TestRecordOfADeadProcessIsFlushed(t *testing.T) {
	m := message(t, "Message-ID: <1@client.example>\n")
	bob, dave := recipient(t, "bob@example.net"), recipient(t, "dave@example.net")
	database := newLedger(t)
	first, err := outbox.New(newMTA(t, nil).addr, database, time.Now).Begin(t.Context(), outbox.Identify(m))
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Send(t.Context(), m.Envelope, copyTo(bob)); err != nil {
		t.Fatal(err)
	}
	first.End() // lets go of the message, as the end of the process does

	counted := &countedLedger{Ledger: database}
	before := int32(-1)
	q := newMTA(t, func(command string) string {
		if command == "." {
			before = counted.flushes.Load()
		}
		return ""
	})
	second, err := outbox.New(q.addr, counted, time.Now).Begin(t.Context(), outbox.Identify(m))
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Send(t.Context(), m.Envelope, copyTo(dave)); err != nil {
		t.Fatal(err)
	}
	second.End()
	if !second.Sent(bob) || before != 1 {
		t.Errorf("the earlier record is known: %v; %d flushes came before the next copy, not one", second.Sent(bob), before)
	}
}
