package outbox_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"sealmilter/internal/outbox"
)

// TestAnswerIsWaitedForAlthoughTheClientIsGone has the client give up, or the message run out of time, while the MTA has
// the final dot of a copy in its hands and has not answered yet.
func TestAnswerIsWaitedForAlthoughTheClientIsGone(t *testing.T) {
	ctx, giveUp := context.WithCancel(t.Context())
	q := newMTA(t, func(command string) string {
		if command == "." {
			giveUp()
		}
		return ""
	})
	m := message(t, "Message-ID: <1@client.example>\n")
	ledger := newLedger(t)
	a, err := outbox.New(q.addr, ledger, time.Now).Begin(ctx, outbox.Identify(m))
	if err != nil {
		t.Fatal(err)
	}
	bob, dave := recipient(t, "bob@example.net"), recipient(t, "dave@example.net")
	if err := a.Send(ctx, m.Envelope, copyTo(bob)); err != nil || !a.Sent(bob) {
		t.Errorf("the copy in work: %v", err)
	}
	if err := a.Send(ctx, m.Envelope, copyTo(dave)); !errors.Is(err, context.Canceled) {
		t.Errorf("the next copy: %v", err)
	}
	a.End()
	if got := q.copies(); got != "bob@example.net" {
		t.Errorf("copies went to %q", got)
	}
	o := outbox.New(q.addr, ledger, time.Now)
	for to, want := range map[string]bool{"bob@example.net": true, "dave@example.net": false} {
		if sent, err := o.Recorded(t.Context(), outbox.Identify(m), recipient(t, to)); err != nil || sent != want {
			t.Errorf("%s is on record as sent: %t, %v", to, sent, err)
		}
	}
}

// TestClientGoneBeforeTheFinalDot has the client give up at each moment before: nothing is sent.
func TestClientGoneBeforeTheFinalDot(t *testing.T) {
	for _, moment := range []string{"connect", "EHLO", "RCPT TO:<bob@example.net>", "DATA", "the body"} {
		t.Run(moment, func(t *testing.T) {
			ctx, giveUp := context.WithCancel(t.Context())
			q := newMTA(t, func(command string) string {
				if command == moment {
					giveUp()
				}
				return ""
			})
			m := message(t, "Message-ID: <1@client.example>\n")
			a, err := outbox.New(q.addr, newLedger(t), time.Now).Begin(t.Context(), outbox.Identify(m))
			if err != nil {
				t.Fatal(err)
			}
			defer a.End()
			bob := recipient(t, "bob@example.net")
			c := copyTo(bob)
			c.Body = halfway(func() {
				if moment == "the body" {
					giveUp()
				}
			})
			if err := a.Send(ctx, m.Envelope, c); !errors.Is(err, context.Canceled) || a.Sent(bob) {
				t.Errorf("%v, sent %t", err, a.Sent(bob))
			}
			if got := q.copies(); got != "" {
				t.Errorf("copies went to %q", got)
			}
		})
	}
}
