package gate_test

import (
	"cmp"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"sealmilter/internal/gate"
	"sealmilter/internal/mail"
)

const testToken = "0123456789abcdef0123456789abcdef"

// TestTestMessage holds a test message to being refused in any case, and everybody else to the usual rules.
func TestTestMessage(t *testing.T) {
	const loopback, elsewhere = "127.0.0.1", "192.0.2.7"
	for name, tc := range map[string]struct {
		client, token, envid string
		nonSMTP              bool
		user                 string // "" is root
		copies               error  // of the MTA's listener
		want                 string
	}{
		"field":               {client: loopback, token: testToken, want: gate.TestReply(testToken, true)},
		"envelope and field":  {client: loopback, token: testToken, envid: gate.TestEnvelope, want: gate.TestReply(testToken, true)},
		"another user":        {client: loopback, token: testToken, envid: gate.TestEnvelope, user: "games", want: gate.TestReply(testToken, true)},
		"IPv6":                {client: "::1", token: testToken, want: gate.TestReply(testToken, true)},
		"no copies":           {client: loopback, token: testToken, copies: errors.New("no"), want: gate.TestReply(testToken, false)},
		"envelope alone":      {client: loopback, envid: gate.TestEnvelope, want: "no token"},
		"token of a stranger": {client: elsewhere, token: testToken, want: ""},
		"stranger":            {client: elsewhere, token: testToken, envid: gate.TestEnvelope, want: ""},
		"local program":       {client: loopback, token: testToken, envid: gate.TestEnvelope, nonSMTP: true, want: ""},
		"not hexadecimal":     {client: loopback, token: "0123456789ABCDEF0123456789abcdef", want: ""},
		"too long":            {client: loopback, token: testToken + "0", want: ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.refuseRcpt = tc.copies
			m := message(t, "alice@example.org")
			m.Envelope.Client, m.Envelope.NonSMTP, m.Envelope.Login = netip.MustParseAddr(tc.client), tc.nonSMTP, ""
			m.Envelope.Local, m.Envelope.User = true, cmp.Or(tc.user, "root")
			if tc.client == elsewhere {
				m.Envelope.Login = "alice@example.org"
			}
			if tc.token != "" {
				m.Header = append(m.Header, mail.Field{Name: gate.TestField, Value: " " + tc.token})
			}
			if tc.envid != "" {
				m.Envelope.Args = []string{"ENVID=" + tc.envid}
			}
			edit, err := w.submit(t, m, nil, "bob@example.net")
			switch {
			case len(w.queue) > 0:
				t.Errorf("a copy was sent: %+v", w.queue)
			case tc.want == "" && (err != nil || edit == nil || strings.Contains(text(t, edit), secretText)):
				t.Errorf("the usual way would have sealed it: %v", err)
			case tc.want != "" && (edit != nil || code(err) != 550 || !strings.Contains(mail.AsFailure(err).Text, tc.want)):
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// TestTestMessageIsTakenAtRcpt lets the mark on the envelope past the rule that refuses a recipient without a key, to the
// end of the message and no further.
func TestTestMessageIsTakenAtRcpt(t *testing.T) {
	w := newWorld(t)
	w.Config.Policy.Mode = "require"
	m := message(t, "alice@example.org")
	m.Envelope.Client, m.Envelope.Args = netip.MustParseAddr("127.0.0.1"), []string{"ENVID=" + gate.TestEnvelope}
	if edit, err := w.submit(t, m, nil, "carol@example.com"); edit != nil || code(err) != 550 {
		t.Errorf("edit %v, %v", edit, err)
	}
	m.Envelope.Args, m.Envelope.Recipients = nil, nil
	if _, err := w.submit(t, m, nil, "carol@example.com"); code(err) != 550 {
		t.Errorf("without the mark: %v", err)
	}
}
