package outbox_test

import (
	"context"
	"errors"
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

// takenLedger belongs to a host that was silent for too long: another one has its message.
type takenLedger struct {
	outbox.Ledger
	records int
}

func (*takenLedger) KeepClaim(context.Context, string) (bool, error) { return false, nil }

func (l *takenLedger) RecordSent(ctx context.Context, message string, copies []string, expires time.Time) error {
	l.records++
	return l.Ledger.RecordSent(ctx, message, copies, expires)
}

// TestTakenMessageIsLeftAlone has a message be taken over before its first copy: nothing of it is written any more, which
// could undo what the other host has recorded.
func TestTakenMessageIsLeftAlone(t *testing.T) {
	ledger := &takenLedger{Ledger: newLedger(t)}
	q := newMTA(t, nil)
	m := message(t, "Message-ID: <1@client.example>\n")
	a, err := outbox.New(q.addr, ledger, time.Now).Begin(t.Context(), outbox.Identify(m))
	if err != nil {
		t.Fatal(err)
	}
	defer a.End()
	if err := a.Send(t.Context(), m.Envelope, copyTo(recipient(t, "bob@example.net"))); !errors.Is(err, outbox.ErrBusy) {
		t.Errorf("error %v", err)
	}
	if ledger.records != 0 || q.copies() != "" {
		t.Errorf("%d records, copies went to %q", ledger.records, q.copies())
	}
}
