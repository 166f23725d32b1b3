package gate_test

import (
	"net/netip"
	"strings"
	"testing"

	"sealmilter/internal/config"
	"sealmilter/internal/gate"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// TestAutomaticMessages submits messages whose author has no key, or is not named at all.
func TestAutomaticMessages(t *testing.T) {
	const host = "MAILER-DAEMON@host.example.org"
	trusted := mail.Envelope{Client: netip.MustParseAddr("127.0.0.1")}
	local := mail.Envelope{Client: netip.MustParseAddr("127.0.0.1"), NonSMTP: true, Local: true, User: "root"}
	games := mail.Envelope{Client: netip.MustParseAddr("127.0.0.1"), Local: true, User: "games", Host: "mx.example.org"}
	login := mail.Envelope{Client: netip.MustParseAddr("127.0.0.1"), Login: host}
	for _, tc := range []struct {
		name     string
		envelope mail.Envelope
		sender   string
		from     string // the From fields, "" for none
		mode     config.Mode
		missing  config.MissingKey
		to       string
		want     gate.Action
		refused  int // of the message as a whole
	}{
		{"keyed", trusted, "", host, config.Prefer, config.RejectSender, "bob@example.net", gate.Encrypt, 0},
		{"keyed, local", local, "", host, config.Prefer, config.RejectSender, "bob@example.net", gate.Encrypt, 0},
		{"keyed, generate", local, "", host, config.Prefer, config.GenerateKey, "bob@example.net", gate.Encrypt, 0},
		{"keyed, require", trusted, "", host, config.Require, config.RejectSender, "bob@example.net", gate.Encrypt, 0},
		{"keyless", trusted, "", host, config.Prefer, config.RejectSender, "erin@example.com", gate.Pass, 0},
		{"keyless, encrypt-only", trusted, "", host, config.Prefer, config.EncryptOnly, "erin@example.com", gate.Pass, 0},
		{"keyless, generate", trusted, "", host, config.Prefer, config.GenerateKey, "erin@example.com", gate.Pass, 0},
		{"keyless, sign", trusted, "", host, config.Sign, config.RejectSender, "erin@example.com", gate.Pass, 0},
		{"keyless, require", trusted, "", host, config.Require, config.RejectSender, "erin@example.com", gate.Reject, 0},
		{"not known, require", trusted, "", host, config.Require, config.RejectSender, "frank@example.com", gate.Defer, 0},
		{"not known, seen", trusted, "", host, config.Prefer, config.RejectSender, "frank@example.com", gate.Defer, 0},
		{"unreadable author, keyed", trusted, "", "MAILER-DAEMON (Mail Delivery System)", config.Prefer, config.RejectSender, "bob@example.net", gate.Encrypt, 0},
		{"unreadable author", trusted, "", "Mail Delivery System <MAILER-DAEMON>", config.Prefer, config.RejectSender, "erin@example.com", gate.Pass, 0},
		{"no author", trusted, "", "", config.Prefer, config.RejectSender, "erin@example.com", gate.Pass, 0},
		{"no author, keyed, generate", trusted, "", "", config.Prefer, config.GenerateKey, "bob@example.net", gate.Encrypt, 0},
		{"a local user's report", games, "", "Mail Delivery Subsystem <MAILER-DAEMON@mx.example.org>", config.Prefer, config.RejectSender, "erin@example.com", gate.Pass, 0},
		{"a local user's report, keyed", games, "", "mailer-daemon", config.Prefer, config.GenerateKey, "bob@example.net", gate.Encrypt, 0},
		{"a local user without an author", games, "", "", config.Prefer, config.RejectSender, "erin@example.com", gate.Pass, 0},
		{"a local user as somebody else", games, "", "alice@example.org", config.Prefer, config.RejectSender, "bob@example.net", 0, 550},
		{"a local user as a report and somebody else", games, "", "MAILER-DAEMON@mx.example.org, alice@example.org", config.Prefer, config.RejectSender, "bob@example.net", 0, 550},
		{"a local user as the daemon of another host", games, "", "MAILER-DAEMON@example.org", config.Prefer, config.RejectSender, "erin@example.com", 0, 550},
		{"a local user as somebody else, unreadably", games, "", "Alice <alice@example.org> (", config.Prefer, config.RejectSender, "erin@example.com", 0, 550},
		{"a local user as two, unreadably", games, "", "games@mx.example.org\r\nFrom: alice@example.org", config.Prefer, config.RejectSender, "erin@example.com", 0, 550},
		{"a local user's unreadable report", games, "", "Mail Delivery System <MAILER-DAEMON>", config.Prefer, config.RejectSender, "erin@example.com", gate.Pass, 0},
		{"a local user's two unreadable authors", games, "", "MAILER-DAEMON\r\nFrom: Alice", config.Prefer, config.RejectSender, "erin@example.com", 0, 550},
		{"unreadable domain", trusted, "", "MAILER-DAEMON@under_score.example.org", config.Prefer, config.RejectSender, "erin@example.com", gate.Pass, 0},
		{"a local user's report with a sender", games, "games@mx.example.org", "MAILER-DAEMON@mx.example.org", config.Prefer, config.RejectSender, "bob@example.net", 0, 550},
		{"author with a key", trusted, "", "alice@example.org", config.Prefer, config.RejectSender, "erin@example.com", gate.SignOnly, 0},

		{"a sender", trusted, host, host, config.Prefer, config.RejectSender, "erin@example.com", gate.Reject, 0},
		{"a sender, local", local, host, host, config.Prefer, config.RejectSender, "bob@example.net", gate.Reject, 0},
		{"a sender without From", trusted, host, "", config.Prefer, config.RejectSender, "erin@example.com", 0, 550},
		{"a login", login, "", host, config.Prefer, config.RejectSender, "erin@example.com", gate.Reject, 0},
		{"a login, encrypt-only", login, "", host, config.Prefer, config.EncryptOnly, "erin@example.com", gate.Reject, 0},
		{"a login as somebody else", login, "", "alice@example.org", config.Prefer, config.RejectSender, "erin@example.com", 0, 550},
		{"a login as nobody", login, "", "", config.Prefer, config.RejectSender, "erin@example.com", 0, 550},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			w.Config.Policy.Mode, w.Config.Senders.MissingKey = tc.mode, tc.missing
			w.answers["frank@example.com"] = keys.Answer{Status: keys.Unknown, SeenBefore: true}
			m := message(t, "alice@example.org")
			m.Header = m.Header.Without("From")
			if tc.from != "" {
				for from := range strings.SplitSeq(tc.from, "\r\nFrom: ") {
					m.Header = append(m.Header, mail.Field{Name: "From", Value: " " + from})
				}
			}
			m.Envelope = &tc.envelope
			m.Envelope.Sender = addr(t, tc.sender)
			m.Envelope.Recipients = []mail.Recipient{{Addr: addr(t, tc.to), Raw: "<" + tc.to + ">"}}
			plan, err := w.Plan(t.Context(), m)
			if tc.refused != 0 {
				if code(err) != tc.refused {
					t.Errorf("%v, want %d", err, tc.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := plan.Decisions[0].Do; got != tc.want {
				t.Fatalf("%v (%s), want %v", got, plan.Decisions[0].Why, tc.want)
			}
			if tc.want != gate.Encrypt && tc.want != gate.Pass {
				return
			}
			edit, err := w.atEnd(t, m, tc.to)
			if err != nil {
				t.Fatal(err)
			}
			if tc.want == gate.Pass && (edit.Body != nil || edit.Discard) {
				t.Errorf("it does not pass untouched: %+v", edit)
			}
			if tc.want == gate.Encrypt && (!strings.Contains(text(t, edit), "multipart/encrypted") || strings.Contains(text(t, edit), "secret")) {
				t.Errorf("not encrypted:\n%s", text(t, edit))
			}
			if len(w.signers) != 1 {
				t.Error("a key was made")
			}
		})
	}
}
