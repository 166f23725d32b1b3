package outbox_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
)

// sendTo makes one try of a message of its own to some recipients.
func sendTo(t *testing.T, o *outbox.Outbox, id string, to ...string) error {
	t.Helper()
	var all []mail.Recipient
	for _, addr := range to {
		all = append(all, recipient(t, addr))
	}
	return deliver(t, o, message(t, "Message-ID: <"+id+"@client.example>\n"), all)
}

// TestConnectionIsUsedAgain has messages follow each other: they take one connection, until the outbox is closed.
func TestConnectionIsUsedAgain(t *testing.T) {
	quits := make(chan bool, 10)
	q := newMTA(t, func(command string) string {
		if command == "QUIT" {
			quits <- true
		}
		return ""
	})
	o := outbox.New(q.addr, newLedger(t), time.Now)
	var want []string
	for i := range 5 {
		to := fmt.Sprintf("r%d@example.net", i)
		if err := sendTo(t, o, to, to, "bob@example.net"); err != nil {
			t.Fatal(err)
		}
		want = append(want, to, "bob@example.net")
	}
	if q.opened.count() != 1 || q.copies() != strings.Join(want, " ") {
		t.Errorf("%d connections, copies went to %q", q.opened.count(), q.copies())
	}
	o.Close()
	<-quits
	if err := sendTo(t, o, "late", "bob@example.net"); err != nil {
		t.Fatal(err)
	}
	<-quits // what is closed keeps nothing
	if q.opened.count() != 2 {
		t.Errorf("%d connections", q.opened.count())
	}
}

// TestConnectionThatEndsInBetween has the MTA end a connection between two messages, or two copies of one, at each
// moment at which the outbox may notice that. No copy is lost or sent twice, and no error is seen.
func TestConnectionThatEndsInBetween(t *testing.T) {
	for _, extension := range []string{"250 queue.example", "250-queue.example\r\n250 PIPELINING"} {
		for _, tc := range []struct{ at, reply string }{
			{"MAIL FROM:<alice@example.org>", hangUp},
			{"MAIL FROM:<alice@example.org>", "421 4.4.2 Timeout exceeded"},
			{"RCPT TO:<dave@example.net>", hangUp},
			{"RCPT TO:<dave@example.net>", "421 4.3.2 Shutting down"},
			{"DATA", hangUp},
		} {
			for _, messages := range []string{"two messages", "one message"} {
				t.Run(strings.Join([]string{extension, tc.at, tc.reply, messages}, ", "), func(t *testing.T) {
					var armed atomic.Bool
					q := newMTA(t, func(command string) string {
						if command == "EHLO" {
							return extension
						}
						if command == tc.at && armed.CompareAndSwap(true, false) {
							return tc.reply
						}
						return ""
					})
					o := outbox.New(q.addr, newLedger(t), time.Now)
					defer o.Close()
					m := message(t, "Message-ID: <1@client.example>\n")
					bob, dave := recipient(t, "bob@example.net"), recipient(t, "dave@example.net")
					a, err := o.Begin(t.Context(), outbox.Identify(m))
					if err != nil {
						t.Fatal(err)
					}
					if err := a.Send(t.Context(), m.Envelope, copyTo(bob)); err != nil {
						t.Fatal(err)
					}
					armed.Store(true)
					if messages == "two messages" {
						a.End()
						m = message(t, "Message-ID: <2@client.example>\n")
						if a, err = o.Begin(t.Context(), outbox.Identify(m)); err != nil {
							t.Fatal(err)
						}
					}
					defer a.End()
					if err := a.Send(t.Context(), m.Envelope, copyTo(dave)); err != nil || !a.Sent(dave) {
						t.Errorf("%v, sent %t", err, a.Sent(dave))
					}
					if q.copies() != "bob@example.net dave@example.net" || q.opened.count() != 2 || armed.Load() {
						t.Errorf("copies went to %q over %d connections", q.copies(), q.opened.count())
					}
				})
			}
		}
	}
}

// TestConnectionThatEndsTwice has the MTA hang up on a kept connection and on the one in its place: that is an error.
func TestConnectionThatEndsTwice(t *testing.T) {
	var refusing atomic.Bool
	q := newMTA(t, func(command string) string {
		if refusing.Load() && command == "DATA" {
			return "421 4.3.2 Shutting down"
		}
		return ""
	})
	o := outbox.New(q.addr, newLedger(t), time.Now)
	defer o.Close()
	if err := sendTo(t, o, "1", "bob@example.net"); err != nil {
		t.Fatal(err)
	}
	refusing.Store(true)
	if err := sendTo(t, o, "2", "dave@example.net"); err == nil || mail.AsFailure(err).Code != 451 {
		t.Errorf("error %v", err)
	}
	if q.copies() != "bob@example.net" || q.opened.count() != 2 {
		t.Errorf("copies went to %q over %d connections", q.copies(), q.opened.count())
	}
}

// TestTextIsNotSaidAgain has the MTA hang up on a kept connection when it has got the final dot: whether it has the
// copy is not known, so it is not sent over another connection.
func TestTextIsNotSaidAgain(t *testing.T) {
	var hanging atomic.Bool
	q := newMTA(t, func(command string) string {
		if hanging.Load() && command == "." {
			return hangUp
		}
		return ""
	})
	o := outbox.New(q.addr, newLedger(t), time.Now)
	defer o.Close()
	if err := sendTo(t, o, "1", "bob@example.net"); err != nil {
		t.Fatal(err)
	}
	hanging.Store(true)
	if err := sendTo(t, o, "2", "dave@example.net"); err == nil {
		t.Error("no error")
	}
	if q.copies() != "bob@example.net dave@example.net" || q.opened.count() != 1 {
		t.Errorf("copies went to %q over %d connections", q.copies(), q.opened.count())
	}
}

// TestConnectionThatSaysMore has the MTA say something between two messages: what it says next would be taken for an answer.
// The connection is not used any more.
func TestConnectionThatSaysMore(t *testing.T) {
	for _, more := range []string{"\r\n421 4.4.2 Timeout exceeded", "\r\n250 2.0.0 Ok"} {
		first := true
		q := newMTA(t, func(command string) string {
			if command == "." && first {
				first = false
				return "250 2.0.0 Ok" + more
			}
			return ""
		})
		o := outbox.New(q.addr, newLedger(t), time.Now)
		for id, to := range map[string]string{"1": "bob@example.net", "2": "dave@example.net"} {
			if err := sendTo(t, o, id, to); err != nil {
				t.Errorf("%q: %v", more, err)
			}
		}
		if q.opened.count() != 2 {
			t.Errorf("%q: %d connections", more, q.opened.count())
		}
		o.Close()
	}
}

// TestConnectionAfterAnError has the MTA refuse a copy: its connection is not kept.
func TestConnectionAfterAnError(t *testing.T) {
	for _, at := range []string{"MAIL FROM:<alice@example.org>", "RCPT TO:<dave@example.net>", "DATA", "."} {
		first := true
		q := newMTA(t, func(command string) string {
			if command == at && first {
				first = false
				return "450 4.2.0 later"
			}
			return ""
		})
		o := outbox.New(q.addr, newLedger(t), time.Now)
		if err := sendTo(t, o, "1", "dave@example.net"); mail.AsFailure(err).Code != 450 {
			t.Errorf("%s: %v", at, err)
		}
		if err := sendTo(t, o, "1", "dave@example.net"); err != nil || q.opened.count() != 2 {
			t.Errorf("%s: then %v, %d connections", at, err, q.opened.count())
		}
		o.Close()
	}
}

// TestUnusedConnectionThatEnds has an attempt open a connection and send nothing, as when a copy is too large. The MTA
// hangs up when the next message comes: that goes over a new connection.
func TestUnusedConnectionThatEnds(t *testing.T) {
	for _, reply := range []string{hangUp, "421 4.4.2 Timeout exceeded"} {
		first := true
		q := newMTA(t, func(command string) string {
			if strings.HasPrefix(command, "MAIL ") && first {
				first = false
				return reply
			}
			return ""
		})
		o := outbox.New(q.addr, newLedger(t), time.Now)
		m := message(t, "Message-ID: <1@client.example>\n")
		a, err := o.Begin(t.Context(), outbox.Identify(m))
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Check(t.Context(), m.Envelope, []outbox.Copy{copyTo(recipient(t, "bob@example.net"))}); err != nil {
			t.Fatal(err)
		}
		a.End()
		if err := sendTo(t, o, "2", "dave@example.net"); err != nil || q.copies() != "dave@example.net" || q.opened.count() != 2 {
			t.Errorf("%s: %v, copies went to %q over %d connections", reply, err, q.copies(), q.opened.count())
		}
		o.Close()
	}
}
