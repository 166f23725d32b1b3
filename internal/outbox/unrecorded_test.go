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

var errFull = errors.New("the disk is full")

// fullLedger can be read, but not written to.
type fullLedger struct {
	outbox.Ledger
	full bool
}

func (l *fullLedger) RecordSent(ctx context.Context, message string, copies []string, expires time.Time) error {
	if l.full {
		return errFull
	}
	return l.Ledger.RecordSent(ctx, message, copies, expires)
}

// TestUnrecordedCopies has a ledger that takes no records. Nothing is sent until it does: every try of every client would
// send a copy once more.
func TestUnrecordedCopies(t *testing.T) {
	ledger := &fullLedger{Ledger: newLedger(t), full: true}
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
	ledger.full = false
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
