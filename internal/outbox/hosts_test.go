package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
)

// deliver tries once to send a message to all recipients, leaving out those who have their copy, as the gate does.
func deliver(t *testing.T, o *outbox.Outbox, m *mail.Message, to []mail.Recipient) error {
	t.Helper()
	a, err := o.Begin(t.Context(), outbox.Identify(m))
	if err != nil {
		return err
	}
	defer a.End()
	for _, r := range to {
		if a.Sent(r) {
			continue
		}
		if err := a.Send(t.Context(), m.Envelope, copyTo(r)); err != nil {
			return err
		}
	}
	return a.Finish(t.Context())
}

// TestRetryThroughOtherHost has a message fail in the middle on one host, and its client try again through another one
// that has an MTA of its own: each recipient gets one copy, from either.
func TestRetryThroughOtherHost(t *testing.T) {
	eachDatabase(t, "ledger", func(t *testing.T, database string) {
		const count = 5
		var to []mail.Recipient
		for i := range count {
			to = append(to, recipient(t, fmt.Sprintf("r%d@example.net", i)))
		}
		here, there := newQueue(t, nil), newQueue(t, nil)
		here.fail["r3@example.net"] = &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "Full"}
		one := outbox.New(here.addr, openLedger(t, database), time.Now)
		other := outbox.New(there.addr, openLedger(t, database), time.Now)
		m := message(t, "Message-ID: <1@client.example>\n")

		if err := deliver(t, one, m, to); mail.AsFailure(err).Code != 452 {
			t.Fatalf("the first try: %v", err)
		}
		for range 2 { // the other host's 250 may be lost on its way, too
			if err := deliver(t, other, m, to); err != nil {
				t.Fatal(err)
			}
		}
		if err := deliver(t, one, m, to); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range slices.Concat(here.got, there.got) {
			got = append(got, d.to)
		}
		slices.Sort(got)
		if want := "r0@example.net r1@example.net r2@example.net r3@example.net r4@example.net"; strings.Join(got, " ") != want {
			t.Errorf("copies went to %q", got)
		}
		if len(here.got) != 3 {
			t.Errorf("the first host sent %d copies", len(here.got))
		}
	})
}

// TestHostsShareALedger has two hosts send at the same time: what one records is never lost to the other.
func TestHostsShareALedger(t *testing.T) {
	const messages, copies = 5, 4
	database := postgres.NewDatabase(t)
	var to []mail.Recipient
	for i := range copies {
		to = append(to, recipient(t, fmt.Sprintf("r%d@example.net", i)))
	}
	name := func(host, i int) *mail.Message {
		return message(t, fmt.Sprintf("Message-ID: <%d.%d@client.example>\n", host, i))
	}
	var all sync.WaitGroup
	var hosts []*outbox.Outbox
	for host := range 2 {
		for i := range messages {
			o := outbox.New(newQueue(t, nil).addr, openLedger(t, database), time.Now)
			hosts = append(hosts, o)
			all.Go(func() {
				if err := deliver(t, o, name(host, i), to); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	for host := range 2 {
		for i := range messages {
			for _, r := range to {
				for _, o := range hosts[:2] {
					if sent, err := o.Recorded(t.Context(), outbox.Identify(name(host, i)), r); err != nil || !sent {
						t.Errorf("message %d.%d to %s: %t, %v", host, i, r.Addr, sent, err)
					}
				}
			}
		}
	}
}

// TestTwoHostsAtOnce has a client hand the same message to a second host while the first one sends its copies.
func TestTwoHostsAtOnce(t *testing.T) {
	eachDatabase(t, "ledger", func(t *testing.T, database string) {
		here, there := newMTA(t, nil), newMTA(t, nil)
		one := outbox.New(here.addr, openLedger(t, database), time.Now)
		other := outbox.New(there.addr, openLedger(t, database), time.Now)
		m := message(t, "Message-ID: <1@client.example>\n")
		bob, dave := recipient(t, "bob@example.net"), recipient(t, "dave@example.net")
		a, err := one.Begin(t.Context(), outbox.Identify(m))
		if err != nil {
			t.Fatal(err)
		}
		c := copyTo(bob)
		c.Body = halfway(func() {
			if err := deliver(t, other, m, []mail.Recipient{bob, dave}); !errors.Is(err, outbox.ErrBusy) || mail.AsFailure(err).Code != 451 {
				t.Errorf("the other host says %v", err)
			}
		})
		if err := a.Send(t.Context(), m.Envelope, c); err != nil {
			t.Fatal(err)
		}
		a.End()
		if err := deliver(t, other, m, []mail.Recipient{bob, dave}); err != nil {
			t.Error(err)
		}
		if here.copies() != "bob@example.net" || there.copies() != "dave@example.net" {
			t.Errorf("copies went to %q here and %q there", here.copies(), there.copies())
		}
	})
}

// lostLedger has another host take over after the first record.
type lostLedger struct {
	outbox.Ledger
	lost bool
}

func (l *lostLedger) RecordSent(ctx context.Context, message string, copies []string, expires time.Time) error {
	l.lost = expires.Unix() > 0 // the first is a trial
	return l.Ledger.RecordSent(ctx, message, copies, expires)
}

func (l *lostLedger) KeepClaim(context.Context, string) (bool, error) { return !l.lost, nil }

func TestLostMessageIsLetGo(t *testing.T) {
	q := newMTA(t, nil)
	o := outbox.New(q.addr, &lostLedger{Ledger: newLedger(t)}, time.Now)
	err := deliver(t, o, message(t, "Message-ID: <1@x>\n"), []mail.Recipient{recipient(t, "bob@example.net"), recipient(t, "dave@example.net")})
	if !errors.Is(err, outbox.ErrBusy) || q.copies() != "bob@example.net" {
		t.Errorf("%v; copies went to %q", err, q.copies())
	}
}

// TestLedgerOutOfReach has a ledger that cannot be read: nothing is sent.
func TestLedgerOutOfReach(t *testing.T) {
	q := newQueue(t, nil)
	ledger := openLedger(t, postgres.NewDatabase(t))
	o := outbox.New(q.addr, ledger, time.Now)
	if err := ledger.Close(); err != nil {
		t.Fatal(err)
	}
	m := message(t, "Message-ID: <1@client.example>\n")
	err := deliver(t, o, m, []mail.Recipient{recipient(t, "bob@example.net")})
	if err == nil || errors.Is(err, outbox.ErrBusy) || mail.AsFailure(err).Code != 451 || len(q.got) > 0 {
		t.Errorf("%v, %d copies", err, len(q.got))
	}
}
