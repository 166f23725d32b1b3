package gate_test

import (
	"net/netip"
	"strings"
	"testing"

	"sealmilter/internal/mail"
)

// TestSubmitter has messages that sendmail's command hands in as its own user. The command says in its own field whose
// they are; nobody else is believed, nor any other field.
func TestSubmitter(t *testing.T) {
	field := func(user string) string {
		return " (from " + user + "@localhost)\r\n\tby mx.example.org (8.17.1.9/8.17.1.9/Submit) id 6AQ05lEm000016\r\n\tfor x@example.net; now"
	}
	for _, tc := range []struct {
		name     string
		client   string // whose socket it is
		daemon   string
		received []string // from above
		sender   string
		from     string
		want     string // who is told to have sent it
		refused  bool
	}{
		{name: "root", received: []string{field("root")}, want: "root"},
		{name: "listed user", received: []string{field("ann")}, want: "ann"},
		{name: "other user", received: []string{field("bob")}, want: "bob", refused: true},
		{name: "other user who has written a field", received: []string{field("bob"), field("root")}, want: "bob", refused: true},
		{name: "named host", received: []string{" from evil (bob@localhost)\r\n\tby mx.example.org (8.17) id 1; now", field("root")}, want: "smmsp", refused: true},
		{name: "host with a name like a field", received: []string{" from (from root@localhost) (bob@localhost)\r\n\tby mx.example.org (8.17) id 1; now"}, want: "smmsp", refused: true},
		{name: "no field", want: "smmsp", refused: true},
		{name: "the user's own client", client: "bob", received: []string{field("root")}, want: "bob", refused: true},
		{name: "another listener", daemon: "mx.example.org", received: []string{field("root")}, want: "smmsp", refused: true},
		{name: "a bounce", sender: "null", from: "MAILER-DAEMON@mx.example.org", received: []string{" from localhost (localhost)\r\n\tby mx.example.org (8.17) id 1; now"}, want: "smmsp"},
		{name: "a user's bounce", sender: "null", from: "MAILER-DAEMON@mx.example.org", received: []string{field("bob")}, want: "bob"},
		{name: "the null sender and another author", sender: "null", received: []string{field("bob")}, want: "bob", refused: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			w.Config.Senders.Logins["ann"] = patterns(t, "alice@example.org")
			or := func(s, otherwise string) string {
				if s == "" {
					return otherwise
				}
				return s
			}
			m := message(t, "alice@example.org")
			m.Header[0].Value = " " + or(tc.from, "alice@example.org")
			for i, value := range tc.received {
				m.Header = append(m.Header[:i:i], append(mail.Header{{Name: "Received", Value: value}}, m.Header[i:]...)...)
			}
			env := m.Envelope
			env.Login, env.Client, env.Local, env.Host = "", netip.MustParseAddr("127.0.0.1"), true, "mx.example.org"
			env.Daemon, env.User = or(tc.daemon, mail.DaemonLocal), or(tc.client, "smmsp")
			env.NonSMTP = env.Daemon == mail.DaemonLocal
			if tc.sender == "null" {
				env.Sender, env.RawSender = mail.Addr{}, "<>"
			}
			edit, err := w.submit(t, m, nil, "bob@example.net")
			refused := err != nil || edit.Discard
			if refused != tc.refused || env.User != tc.want {
				t.Errorf("refused %v, sent by %s, want %v and %s; %v", refused, env.User, tc.refused, tc.want, err)
			}
			if !refused && !strings.Contains(text(t, edit), "multipart/encrypted") {
				t.Error("it is not encrypted")
			}
		})
	}
}
