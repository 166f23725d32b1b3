package outbox_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
)

// TestListenerThatCannotBeUsed has the MTA turn away the connection, and not the message, at each moment: the client is
// told to try again, in words, and the next copy goes over a new connection.
func TestListenerThatCannotBeUsed(t *testing.T) {
	const stranger = "<bob@example.net>: Recipient address rejected: This listener is for the mail encryption service alone"
	for _, tc := range []struct{ name, at, reply, enhanced, log string }{
		{"busy", "connect", "421 4.3.2 Too many connections", "4.3.2", "does not take the connection"},
		{"closed", "connect", "554 5.3.2 No service", "4.3.2", "does not take the connection"},
		{"hangs up at once", "connect", hangUp, "4.3.2", "does not take the connection"},
		{"refuses EHLO", "EHLO", "550 5.0.0 Who?", "4.3.2", "does not take the connection"},
		{"stops at MAIL", "MAIL FROM:<alice@example.org>", "421 4.3.2 Shutting down", "4.3.2", "Shutting down"},
		{"hangs up at RCPT", "RCPT TO:<bob@example.net>", hangUp, "4.4.2", "the connection to the loopback listener broke"},
		{"stops at DATA", "DATA", "421 Shutting down", "4.0.0", "Shutting down"},
		{"stops at the end", ".", "421 4.3.0 Out of disk", "4.3.0", "451 4.3.0 (the mail server"},
		{"hangs up at the end", ".", hangUp, "4.4.2", "the connection to the loopback listener broke"},
		{"speaks something else", "DATA", "go on", "4.4.2", "the connection to the loopback listener broke"},
		{"does not know us", "RCPT TO:<bob@example.net>", "554 5.7.1 " + stranger, "4.3.5", "check_policy_service"},
		{"does not know us, in two lines", "RCPT TO:<bob@example.net>", "554-5.7.1 " + stranger + "\r\n554 5.7.1 Bye", "4.3.5", "check_policy_service"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			done := false
			q := newMTA(t, func(command string) string {
				if command != tc.at || done {
					return ""
				}
				done = true
				return tc.reply
			})
			o := outbox.New(q.addr, newLedger(t), time.Now)
			m := message(t, "Message-ID: <1@client.example>\n")
			a, err := o.Begin(t.Context(), outbox.Identify(m))
			if err != nil {
				t.Fatal(err)
			}
			defer a.End()
			bob := copyTo(recipient(t, "bob@example.net"))
			err = a.Send(t.Context(), m.Envelope, bob)
			failure := mail.AsFailure(err)
			if err == nil || failure.Code != 451 || failure.Enhanced != tc.enhanced || strings.Contains(failure.Text, "internal") ||
				!strings.Contains(err.Error(), tc.log) || a.Sent(bob.To) {
				t.Errorf("error %v", err)
			}
			if err := a.Send(t.Context(), m.Envelope, bob); err != nil || !a.Sent(bob.To) {
				t.Errorf("the next try: %v", err)
			}
			if n := q.opened.count(); n != 2 {
				t.Errorf("%d connections", n)
			}
		})
	}
}

// TestNoListener has nobody listen.
func TestNoListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	m := message(t, "Subject: x\n")
	a, err := outbox.New(addr, newLedger(t), time.Now).Begin(t.Context(), outbox.Identify(m))
	if err != nil {
		t.Fatal(err)
	}
	defer a.End()
	err = a.Send(t.Context(), m.Envelope, copyTo(recipient(t, "bob@example.net")))
	if failure := mail.AsFailure(err); failure.Code != 451 || failure.Enhanced != "4.4.1" || !strings.Contains(err.Error(), "reinject") {
		t.Errorf("error %v", err)
	}
}
