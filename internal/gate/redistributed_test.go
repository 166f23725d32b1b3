package gate_test

import (
	"net/netip"
	"strings"
	"testing"

	"sealmilter/internal/config"
	"sealmilter/internal/gate"
	"sealmilter/internal/mail"
)

// TestRedistributedMail has a list server, and others, send on what alice has written, whose key is here.
func TestRedistributedMail(t *testing.T) {
	const bounces, list = "talk-bounces@lists.example.org", "List-Id: Talk <talk.lists.example.org>\r\nList-Post: <mailto:talk@lists.example.org>\r\n"
	server := mail.Envelope{Login: "lists"}
	program := mail.Envelope{Client: netip.MustParseAddr("127.0.0.1"), Local: true, NonSMTP: true, User: "list"}
	trusted := mail.Envelope{Client: netip.MustParseAddr("127.0.0.1")}
	eve := mail.Envelope{Login: "eve@example.org"}
	for _, tc := range []struct {
		name           string
		envelope       mail.Envelope
		sender, header string
		site           string
		mode           config.Mode
		to             string
		want           gate.Action
		signer         string
		refused        int
	}{
		{"keyed", server, bounces, list, "", config.Prefer, "bob@example.net", gate.Encrypt, "", 0},
		{"keyless", server, bounces, list, "", config.Prefer, "erin@example.com", gate.Pass, "", 0},
		{"keyless, sign", server, bounces, list, "", config.Sign, "erin@example.com", gate.Pass, "", 0},
		{"keyless, require", server, bounces, list, "", config.Require, "erin@example.com", gate.Reject, "", 0},
		{"a local server", program, bounces, list, "", config.Prefer, "erin@example.com", gate.Pass, "", 0},
		{"a trusted server", trusted, bounces, list, "", config.Prefer, "erin@example.com", gate.Pass, "", 0},
		{"a trusted server without a list", trusted, bounces, "", "", config.Prefer, "erin@example.com", 0, "", 550},
		{"with the null sender", trusted, "", list, "", config.Prefer, "erin@example.com", gate.Pass, "", 0},
		{"with the null sender, and a site key for everybody", trusted, "", "List-Id: <talk.lists.example.org>\r\n", "*", config.Prefer, "erin@example.com", gate.Pass, "", 0},
		{"by the author", server, "alice@example.org", list, "", config.Prefer, "erin@example.com", gate.SignOnly, "alice@example.org", 0},
		{"by the author in other letters", server, "ALICE@Example.org", list, "", config.Prefer, "erin@example.com", gate.SignOnly, "alice@example.org", 0},
		{"without a list", server, bounces, "", "", config.Prefer, "erin@example.com", gate.SignOnly, "alice@example.org", 0},
		{"a site key for the sender", server, bounces, list, "talk-bounces@*", config.Prefer, "erin@example.com", gate.SignOnly, "relay@example.org", 0},
		{"a site key for the list", server, bounces, list, "talk@lists.example.org", config.Prefer, "bob@example.net", gate.Encrypt, "relay@example.org", 0},
		{"a site key for the author", server, bounces, list, "alice@example.org", config.Prefer, "erin@example.com", gate.Pass, "", 0},
		{"somebody who may not use the list", eve, "eve@example.org", "From: eve2@example.org\r\n" + list, "talk@lists.example.org", config.Prefer, "erin@example.com", gate.Pass, "", 0},
		{"somebody who is not the author", eve, "eve@example.org", list, "", config.Prefer, "erin@example.com", 0, "", 550},
		{"sent on", server, "bob@example.org", "Resent-From: Bob <bob@example.org>\r\n", "", config.Prefer, "erin@example.com", gate.Pass, "", 0},
		{"sent on, a site key", server, "b@example.org", "Resent-From: Bob <bob@example.org>\r\n", "bob@example.org", config.Prefer, "erin@example.com", gate.SignOnly, "relay@example.org", 0},
		{"sent on by the author", server, "alice@example.org", "Resent-From: alice@example.org\r\n", "", config.Prefer, "erin@example.com", gate.SignOnly, "alice@example.org", 0},
	} {
		for _, missing := range []config.MissingKey{config.RejectSender, config.GenerateKey, config.EncryptOnly} {
			w := newWorld(t)
			w.Config.Policy.Mode, w.Config.Senders.MissingKey = tc.mode, missing
			w.Config.Senders.Logins["lists"] = pattern(t, "*")
			w.Config.Senders.Logins["list"] = pattern(t, "*@*")
			w.Config.Senders.Logins["eve@example.org"] = append(pattern(t, "eve@example.org"), pattern(t, "eve2@example.org")...)
			signers := len(w.signers)
			if tc.site != "" {
				w.withSiteKey(t, tc.site)
				signers++
			}
			header := tc.header
			if !strings.Contains(header, "From: eve2") {
				header = "From: alice@example.org\r\n" + header
			}
			m := &mail.Message{Envelope: &mail.Envelope{}}
			*m.Envelope = tc.envelope
			m.Header, m.Body = mail.SplitMessage([]byte(header + "Message-ID: <1@client.example>\r\nSubject: [talk] secret\r\n\r\n" + secretText + "\r\n-- \r\nThe footer of the list\r\n"))
			m.Envelope.Sender = addr(t, tc.sender)
			m.Envelope.Recipients = []mail.Recipient{{Addr: addr(t, tc.to), Raw: "<" + tc.to + ">"}}
			plan, err := w.Plan(t.Context(), m)
			if code(err) != max(tc.refused, 250) {
				t.Errorf("%s: %v", tc.name, err)
			}
			if err != nil {
				continue
			}
			if got := plan.Decisions[0]; got.Do != tc.want || plan.Signer.String() != tc.signer {
				t.Errorf("%s, %s: %v (%s) by %q, want %v by %q", tc.name, missing, got.Do, got.Why, plan.Signer, tc.want, tc.signer)
			}
			if tc.want == gate.Reject {
				continue
			}
			edit := accepted(t)(w.atEnd(t, m, tc.to))
			if tc.want == gate.Pass && (edit.Body != nil || edit.Discard) {
				t.Errorf("%s: it does not pass as it is: %+v", tc.name, edit)
			}
			if tc.want == gate.Encrypt && (!strings.Contains(text(t, edit), "multipart/encrypted") || strings.Contains(text(t, edit), "secret")) {
				t.Errorf("%s: not encrypted:\n%s", tc.name, text(t, edit))
			}
			if len(w.signers) != signers {
				t.Errorf("%s: a key was made", tc.name)
			}
		}
	}
}
