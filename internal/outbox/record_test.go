package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
)

// impatientLedger has the client give up in the moment between the MTA's yes and the record.
type impatientLedger struct {
	outbox.Ledger
	giveUp context.CancelFunc
}

func (l impatientLedger) RecordSent(ctx context.Context, message string, copies []string, expires time.Time) error {
	if expires.Unix() > 0 { // the one that is no trial
		l.giveUp()
	}
	return l.Ledger.RecordSent(ctx, message, copies, expires)
}

func TestRecordedAlthoughTheClientIsGone(t *testing.T) {
	q := newQueue(t, nil)
	ctx, giveUp := context.WithCancel(t.Context())
	m := message(t, "Subject: x\n")
	a, err := outbox.New(q.addr, impatientLedger{newLedger(t), giveUp}, time.Now).Begin(ctx, outbox.Identify(m))
	if err != nil {
		t.Fatal(err)
	}
	defer a.End()
	to := recipient(t, "bob@example.net")
	if err := a.Send(ctx, m.Envelope, copyTo(to)); err != nil || !a.Sent(to) || len(q.got) != 1 {
		t.Errorf("%v, sent %v, queue %d", err, a.Sent(to), len(q.got))
	}
}

// brokenLedger cannot write.
type brokenLedger struct{ outbox.Ledger }

func (brokenLedger) RecordSent(context.Context, string, []string, time.Time) error {
	return errors.New("disk full")
}

func TestUnrecordedIsAnError(t *testing.T) {
	q := newQueue(t, nil)
	m := message(t, "Subject: x\n")
	a, err := outbox.New(q.addr, brokenLedger{newLedger(t)}, time.Now).Begin(t.Context(), outbox.Identify(m))
	if err != nil {
		t.Fatal(err)
	}
	defer a.End()
	to := recipient(t, "bob@example.net")
	if err := a.Send(t.Context(), m.Envelope, copyTo(to)); err == nil || a.Sent(to) {
		t.Errorf("error %v, sent %v", err, a.Sent(to))
	}
}

// flushLedger has its own way to flush, and counts how often it is asked to.
type flushLedger struct {
	outbox.Ledger
	flushes int
	flush   func(ctx context.Context) error
}

func (l *flushLedger) Flush(ctx context.Context) error {
	l.flushes++
	if l.flush != nil {
		return l.flush(ctx)
	}
	return l.Ledger.Flush(ctx)
}

// TestFlushes counts them: the record of a copy is flushed with the next copy on its way, and the last one with the close.
func TestFlushes(t *testing.T) {
	for _, count := range []int{1, 2, 10} {
		ledger := &flushLedger{Ledger: newLedger(t)}
		q := newMTA(t, nil)
		var to []mail.Recipient
		for i := range count {
			to = append(to, recipient(t, fmt.Sprintf("r%d@example.net", i)))
		}
		if err := deliver(t, outbox.New(q.addr, ledger, time.Now), message(t, "Message-ID: <1@x>\n"), to); err != nil {
			t.Fatal(err)
		}
		if ledger.flushes != count {
			t.Errorf("%d copies took %d flushes", count, ledger.flushes)
		}
	}
}

// TestDotWaitsForTheRecord has the record of a copy be flushed while the text of the next one is on its way, and fail: the
// next one does not get its final dot, nor does one of another message.
func TestDotWaitsForTheRecord(t *testing.T) {
	began, fail, power := make(chan struct{}), make(chan struct{}), errors.New("the disk is gone")
	ledger := &flushLedger{Ledger: newLedger(t)}
	q := newMTA(t, nil)
	o := outbox.New(q.addr, ledger, time.Now)
	m := message(t, "Message-ID: <1@client.example>\n")
	a, err := o.Begin(t.Context(), outbox.Identify(m))
	if err != nil {
		t.Fatal(err)
	}
	bob, dave := recipient(t, "bob@example.net"), recipient(t, "dave@example.net")
	if err := a.Send(t.Context(), m.Envelope, copyTo(bob)); err != nil {
		t.Fatal(err)
	}
	ledger.flush = func(context.Context) error {
		close(began)
		<-fail
		return power
	}
	c := copyTo(dave)
	c.Body = halfway(func() {
		<-began
		close(fail)
	})
	if err := a.Send(t.Context(), m.Envelope, c); !errors.Is(err, power) || a.Sent(dave) {
		t.Errorf("error %v, sent %t", err, a.Sent(dave))
	}
	ledger.flush = func(context.Context) error { return power }
	if err := a.Finish(t.Context()); !errors.Is(err, power) {
		t.Errorf("finished: %v", err)
	}
	a.End()
	if err := deliver(t, o, message(t, "Message-ID: <2@client.example>\n"), []mail.Recipient{bob}); !errors.Is(err, power) {
		t.Errorf("another message: %v", err)
	}
	if got := q.copies(); got != "bob@example.net" {
		t.Errorf("copies went to %q", got)
	}
	ledger.flush = nil
	if err := deliver(t, o, m, []mail.Recipient{bob, dave}); err != nil {
		t.Fatal(err)
	}
	if got := q.copies(); got != "bob@example.net dave@example.net" {
		t.Errorf("then copies went to %q", got)
	}
}

// TestUnfinishedIsNotForgotten has the last flush of a message fail, and the client try again.
func TestUnfinishedIsNotForgotten(t *testing.T) {
	for _, header := range []string{"Message-ID: <1@client.example>\n", "Subject: x\n"} {
		ledger := &flushLedger{Ledger: newLedger(t), flush: func(context.Context) error { return errFull }}
		q := newMTA(t, nil)
		o := outbox.New(q.addr, ledger, time.Now)
		to := []mail.Recipient{recipient(t, "bob@example.net")}
		if err := deliver(t, o, message(t, header), to); !errors.Is(err, errFull) {
			t.Errorf("%q: %v", header, err)
		}
		ledger.flush = nil
		if err := deliver(t, o, message(t, header), to); err != nil || q.copies() != "bob@example.net" {
			t.Errorf("%q: %v, copies went to %q", header, err, q.copies())
		}
	}
}

// TestUnfinishedIsNotClosed has the last flush of a message fail that has a Message-ID, and the client come back when a
// finished one would not be known any more.
func TestUnfinishedIsNotClosed(t *testing.T) {
	ledger := &flushLedger{Ledger: newLedger(t), flush: func(context.Context) error { return errFull }}
	q := newMTA(t, nil)
	now := time.Now()
	o := outbox.New(q.addr, ledger, func() time.Time { return now })
	m := message(t, "Message-ID: <1@client.example>\n")
	to := []mail.Recipient{recipient(t, "bob@example.net")}
	if err := deliver(t, o, m, to); !errors.Is(err, errFull) {
		t.Fatal(err)
	}
	ledger.flush = nil
	now = now.Add(4 * time.Hour)
	if err := deliver(t, o, m, to); err != nil || q.copies() != "bob@example.net" {
		t.Errorf("%v, copies went to %q", err, q.copies())
	}
}

// TestGivenUpAttemptIsFlushed has an attempt end after its first copy.
func TestGivenUpAttemptIsFlushed(t *testing.T) {
	ledger := &flushLedger{Ledger: newLedger(t)}
	q := newMTA(t, nil)
	m := message(t, "Message-ID: <1@client.example>\n")
	a, err := outbox.New(q.addr, ledger, time.Now).Begin(t.Context(), outbox.Identify(m))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Send(t.Context(), m.Envelope, copyTo(recipient(t, "bob@example.net"))); err != nil {
		t.Fatal(err)
	}
	a.End()
	if ledger.flushes != 1 {
		t.Errorf("%d flushes", ledger.flushes)
	}
}
