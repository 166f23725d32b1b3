package milter_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"sealmilter/internal/mail"
	"sealmilter/milter"
)

func TestNonSMTPIsRecognised(t *testing.T) {
	const loopback, remote = "localhost\x004\x00\x00127.0.0.1", "client.example\x004\x00\x19192.0.2.7"
	for _, tc := range []struct {
		client, daemon, sender string
		want                   bool
	}{
		{loopback, "mx", "root@mx.example", true},
		{loopback, "mx", "", true},
		{loopback, "mx", "<alice@example.org>", false},
		{loopback, mail.DaemonLocal, "<alice@example.org>", true},
		{"localhost\x006\x00\x00IPv6:::1", "mx", "root", true},
		{remote, "mx", "alice@example.org", false},
		{"unknown\x00U", "mx", "alice@example.org", false},
	} {
		var got collector
		m := dial(t, serve(t, &milter.Server{Begin: got.begin}))
		m.negotiate(version, actions, steps)
		m.macros('C', "{daemon_name}", tc.daemon)
		m.want("c", 'C', tc.client)
		m.want("c", 'M', tc.sender)
		m.want("c", 'R', "bob@example.org")
		m.content(nil)
		m.finish()
		if env := got.got[0].Envelope; env.NonSMTP != tc.want || env.Daemon != tc.daemon || env.RawSender != tc.sender {
			t.Errorf("%+v: got %+v", tc, env)
		}
	}
}

// TestNonSMTPIsRefusedAtTheEnd: Postfix keeps such a message for ever if any recipient is refused at RCPT.
func TestNonSMTPIsRefusedAtTheEnd(t *testing.T) {
	reject := mail.Reject("5.7.1", "No key.", nil)
	for _, tc := range []struct {
		name, sender, recipient string
		begin, rcpt             error
		want                    string
	}{
		{"handler refuses the recipient", "root", "bob@example.org", nil, reject, "y550 5.7.1 No key."},
		{"handler fails at the recipient", "root", "bob@example.org", nil, errors.New("x"), "y451 4.3.0 "},
		{"handler refuses the sender", "root", "bob@example.org", reject, nil, "y550 5.7.1 No key."},
		{"bad recipient", "root", "b@b@example.org", nil, nil, "y553 5.1.3 "},
		{"bad sender", "a b@example.org", "bob@example.org", nil, nil, "y553 5.1.7 "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := dial(t, serve(t, &milter.Server{
				Begin: func(context.Context, *mail.Envelope) (milter.Handler, error) {
					return handler{
						rcpt: func(_ context.Context, _ *mail.Envelope, to mail.Recipient) error {
							if to.Raw == tc.recipient {
								return tc.rcpt
							}
							return nil
						},
						message: func(context.Context, *mail.Message) (*mail.Edit, error) {
							t.Error("Message was called")
							return nil, nil
						},
					}, tc.begin
				},
			}))
			m.negotiate(version, actions, steps)
			m.want("c", 'C', "localhost\x004\x00\x00127.0.0.1")
			m.want("c", 'M', tc.sender)
			m.want("c", 'R', "first@example.org")
			m.want("c", 'R', tc.recipient)
			m.want("c", 'R', "last@example.org")
			m.want("c", 'L', "From", " root")
			m.want("c", 'N')
			m.want("c", 'B', "text")
			if answer := m.finish(); len(answer) != 1 || !strings.HasPrefix(answer[0], tc.want) {
				t.Errorf("answer %q, want %q", answer, tc.want)
			}
		})
	}
}

func TestNonSMTPWithTooManyRecipientsIsBounced(t *testing.T) {
	m := dial(t, serve(t, &milter.Server{Begin: always(handler{}), MaxRecipients: 1}))
	m.negotiate(version, actions, steps)
	m.want("c", 'C', "localhost\x004\x00\x00127.0.0.1")
	m.want("c", 'M', "root")
	m.want("c", 'R', "a@example.org")
	m.want("c", 'R', "b@example.org")
	m.want("c", 'N')
	if answer := m.finish(); !strings.HasPrefix(answer[0], "y554 5.5.3 ") {
		t.Errorf("answer %q", answer)
	}
}
