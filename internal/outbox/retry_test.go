package outbox_test

import (
	"errors"
	"testing"
	"time"

	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
)

// TestRetry walks through what a second try of a message may find.
func TestRetry(t *testing.T) {
	const id = "Message-ID: <1@client.example>\n"
	for _, tc := range []struct {
		name          string
		first, second string
		queueID       string
		finish        bool
		later         time.Duration
		sent          bool
	}{
		{"unfinished", id, id, "", false, 24 * time.Hour, true},
		{"unfinished, no Message-ID", "Subject: x\n", "Subject: x\n", "", false, time.Minute, true},
		{"finished", id, id, "", true, 59 * time.Minute, true},
		{"finished long ago", id, id, "", true, 61 * time.Minute, false},
		{"finished, no Message-ID", "Subject: x\n", "Subject: x\n", "", true, time.Second, false},
		{"finished, Message-ID by Postfix", "Message-ID: <2026.4XyZ@mx>\n", "Message-ID: <2026.4XyZ@mx>\n", "4XyZ", true, time.Second, false},
		{"unfinished, Message-ID by Postfix", "Message-ID: <1.4XyZ@mx>\n", "Message-ID: <2.4XyZ@mx>\n", "4XyZ", false, time.Second, true},
		{"unfinished, no Message-ID, given up", "Subject: x\n", "Subject: x\n", "", false, 61 * time.Minute, false},
		{"unfinished, no Message-ID, other Date", "Date: a\n", "Date: b\n", "", false, time.Second, false},
		{"unfinished, the client's Date, Message-ID of a long queue id", "Date: a\nMessage-ID: <4XyZ@mx>\n", "Date: b\nMessage-ID: <4XyZ@mx>\n", "4XyZ", false, time.Second, false},
		{"finished, Message-ID of a long queue id", "Message-ID: <4XyZ@mx>\n", "Message-ID: <4XyZ@mx>\n", "4XyZ", true, time.Second, false},
		{"unfinished, the client's Date, Message-ID by Postfix", "Date: a\nMessage-ID: <1.4XyZ@mx>\n", "Date: b\nMessage-ID: <2.4XyZ@mx>\n", "4XyZ", false, time.Second, false},
		{"unfinished, Message-ID and Date by Postfix", "Message-ID: <1.4XyZ@mx>\nDate: a\n", "Message-ID: <2.4XyZ@mx>\nDate: b\n", "4XyZ", false, time.Second, true},
		{"other DKIM signature", id + "DKIM-Signature: t=1\n", id + "DKIM-Signature: t=2\n", "", false, time.Second, true},
		{"other fields of filters in front", id + "X-Spam-Status: a\nX-Spamd-Result: a\nX-Rspamd-Queue-Id: a\nX-Virus-Status: a\n",
			id + "x-spam-status: b\nX-Rspamd-Queue-Id: b\nDKIM-Filter: b\n", "", false, time.Second, true},
		{"other field of the client", id + "X-Priority: 1\n", id + "X-Priority: 2\n", "", false, time.Second, false},
		{"other Message-ID", id, "Message-ID: <2@client.example>\n", "", false, time.Second, false},
		{"other Subject", id + "Subject: a\n", id + "Subject: b\n", "", false, time.Second, false},
		{"other Date and way", id + "Date: a\nReceived: x\n", id + "Date: b\nReceived: y\n", "", false, time.Second, true},
		{"other Date between the client's fields", id + "Date: a\nSubject: x\n", id + "Date: b\nSubject: x\n", "", false, time.Second, false},
		{"other Date before the Message-ID", "Date: a\n" + id, "Date: b\n" + id, "", false, time.Second, false},
		{"other Date at the end", id + "Subject: x\nDate: a\nX-Spam-Level: a\n", id + "Subject: x\nDate: b\n", "", false, time.Second, true},
		{"other Date and From of Postfix's making", id + "Subject: x\nDate: a\nFrom: y\n", id + "Subject: x\nDate: b\nFrom: y\n", "", false, time.Second, true},
		{"given up", id, id, "", false, 6 * 24 * time.Hour, false},
		{"unfinished, the clock set right", id, id, "", false, -time.Minute, true},
		{"unfinished, the clock put back far", id, id, "", false, -2 * time.Hour, false},
		{"unfinished, no Message-ID, the clock set right", "Subject: x\n", "Subject: x\n", "", false, -time.Minute, true},
		{"unfinished, no Message-ID, the clock put back far", "Subject: x\n", "Subject: x\n", "", false, -2 * time.Hour, false},
		{"finished, the clock set right", id, id, "", true, -time.Minute, true},
		{"finished, no Message-ID, the clock set right", "Subject: x\n", "Subject: x\n", "", true, -time.Minute, false},
		{"finished, no Message-ID, the clock put back far", "Subject: x\n", "Subject: x\n", "", true, -2 * time.Hour, false},
	} {
		eachDatabase(t, tc.name, func(t *testing.T, database string) {
			q := newQueue(t, nil)
			now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			o := outbox.New(q.addr, openLedger(t, database), func() time.Time { return now })
			bob, dave := recipient(t, "bob@example.net"), recipient(t, "dave@example.net")
			attempt := func(header string) *outbox.Attempt {
				m := message(t, header)
				m.Envelope.QueueID = tc.queueID
				a, err := o.Begin(t.Context(), outbox.Identify(m))
				if err != nil {
					t.Fatal(err)
				}
				return a
			}
			a := attempt(tc.first)
			m := message(t, tc.first)
			if err := a.Send(t.Context(), m.Envelope, copyTo(bob)); err != nil {
				t.Fatal(err)
			}
			if tc.finish {
				if err := a.Finish(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			a.End()
			now = now.Add(tc.later)
			// As after a restart, or on another host.
			o = outbox.New(q.addr, openLedger(t, database), func() time.Time { return now })
			a = attempt(tc.second)
			defer a.End()
			if a.Sent(bob) != tc.sent {
				t.Errorf("bob's copy counts as sent: %v", !tc.sent)
			}
			if a.Sent(dave) {
				t.Error("dave's copy counts as sent")
			}
		})
	}
}

// TestOtherSpelling has the next try name a recipient in another way.
func TestOtherSpelling(t *testing.T) {
	q := newMTA(t, nil)
	o := outbox.New(q.addr, newLedger(t), time.Now)
	m := message(t, "Message-ID: <1@client.example>\n")
	for _, tc := range []struct {
		to   string
		sent bool
	}{{"bob@example.net", false}, {`"bob"@Example.NET`, true}, {"Bob@example.net", false}, {"bob@sub.example.net", false}} {
		a, err := o.Begin(t.Context(), outbox.Identify(m))
		if err != nil {
			t.Fatal(err)
		}
		to := recipient(t, tc.to)
		if a.Sent(to) != tc.sent {
			t.Errorf("the copy for %s counts as sent: %t", tc.to, !tc.sent)
		}
		if tc.to == "bob@example.net" {
			if err := a.Send(t.Context(), m.Envelope, copyTo(to)); err != nil {
				t.Error(err)
			}
		}
		a.End()
	}
}

// TestClockPutBackInTheMiddle has the clock put back between the beginning of an attempt and its first copy. Once
// finished, the message is remembered for an hour and no longer.
func TestClockPutBackInTheMiddle(t *testing.T) {
	q := newMTA(t, nil)
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	o := outbox.New(q.addr, newLedger(t), func() time.Time { return now })
	m, bob := message(t, "Message-ID: <1@client.example>\n"), recipient(t, "bob@example.net")
	a, err := o.Begin(t.Context(), outbox.Identify(m))
	if err != nil {
		t.Fatal(err)
	}
	defer a.End()
	now = now.Add(-6 * 24 * time.Hour)
	if err := a.Send(t.Context(), m.Envelope, copyTo(bob)); err != nil {
		t.Fatal(err)
	}
	if err := a.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, later := range []time.Duration{59 * time.Minute, 2 * time.Minute} {
		now = now.Add(later)
		sent, err := o.Recorded(t.Context(), outbox.Identify(m), bob)
		if err != nil || sent != (later == 59*time.Minute) {
			t.Errorf("after %v more it counts as sent: %t, %v", later, sent, err)
		}
	}
}

func TestSameMessageTwiceAtOnce(t *testing.T) {
	o := outbox.New("127.0.0.1:1", newLedger(t), time.Now)
	m := message(t, "Subject: x\n")
	a, err := o.Begin(t.Context(), outbox.Identify(m))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Begin(t.Context(), outbox.Identify(m)); !errors.Is(err, outbox.ErrBusy) {
		t.Errorf("second attempt: %v", err)
	}
	other := message(t, "Subject: y\n")
	b, err := o.Begin(t.Context(), outbox.Identify(other))
	if err != nil {
		t.Fatal(err)
	}
	b.End()
	a.End()
	c, err := o.Begin(t.Context(), outbox.Identify(m))
	if err != nil {
		t.Fatal(err)
	}
	c.End()
}

// TestPartsOfAMessageAtOnce has what goes to some recipients of one message in work at the same time.
func TestPartsOfAMessageAtOnce(t *testing.T) {
	o := outbox.New("127.0.0.1:1", newLedger(t), time.Now)
	id := outbox.Identify(message(t, "Message-ID: <1@client.example>\n"))
	bob, erin := recipient(t, "bob@example.net"), recipient(t, "erin@example.com")
	for _, part := range [][]mail.Recipient{{bob}, {erin}, {bob, erin}} {
		a, err := o.Begin(t.Context(), id.For(part))
		if err != nil {
			t.Fatalf("%v: %v", part, err)
		}
		defer a.End()
	}
	if _, err := o.Begin(t.Context(), id.For([]mail.Recipient{bob})); !errors.Is(err, outbox.ErrBusy) {
		t.Errorf("the same part again: %v", err)
	}
}
