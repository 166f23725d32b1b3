package gate_test

import (
	"net/netip"
	"strings"
	"testing"

	"sealmilter/internal/config"
	"sealmilter/internal/gate"
	"sealmilter/internal/mail"
)

// withSiteKey has the key of relay@example.org sign for some addresses.
func (w *world) withSiteKey(t *testing.T, from string) {
	t.Helper()
	w.Config.Senders.SiteKeys = []config.SiteKey{{From: pattern(t, from), Key: addr(t, "relay@example.org")}}
	if err := w.addSigner(addr(t, "relay@example.org")); err != nil {
		t.Fatal(err)
	}
}

// TestSiteKey has authors with and without a key of their own.
func TestSiteKey(t *testing.T) {
	const host = "MAILER-DAEMON@host.example.org"
	trusted := mail.Envelope{Client: netip.MustParseAddr("127.0.0.1")}
	games := mail.Envelope{Client: netip.MustParseAddr("127.0.0.1"), NonSMTP: true, Local: true, User: "games", Host: "mx.example.org"}
	for _, tc := range []struct {
		name         string
		envelope     mail.Envelope
		sender, from string
		site         string
		missing      config.MissingKey
		to           string
		want         gate.Action
		signer       string
		refused      int
	}{
		{"a program", trusted, "root@mx1.example.org", "root@mx1.example.org", "root@*", config.RejectSender, "erin@example.com", gate.SignOnly, "relay@example.org", 0},
		{"a program, keyed", trusted, "root@mx1.example.org", "root@mx1.example.org", "root@*", config.RejectSender, "bob@example.net", gate.Encrypt, "relay@example.org", 0},
		{"no key is made", trusted, "root@mx1.example.org", "root@mx1.example.org", "root@*", config.GenerateKey, "bob@example.net", gate.Encrypt, "relay@example.org", 0},
		{"clear text with encrypt-only", trusted, "root@mx1.example.org", "root@mx1.example.org", "root@*", config.EncryptOnly, "erin@example.com", gate.SignOnly, "relay@example.org", 0},
		{"an author with a key", trusted, "alice@example.org", "alice@example.org", "*", config.RejectSender, "erin@example.com", gate.SignOnly, "alice@example.org", 0},
		{"another author", trusted, "new@example.org", "new@example.org", "root@*", config.RejectSender, "erin@example.com", gate.Reject, "", 0},
		{"another author, encrypt-only", trusted, "new@example.org", "new@example.org", "root@*", config.EncryptOnly, "bob@example.net", gate.Encrypt, "", 0},
		{"automatic", trusted, "", host, "root@*", config.RejectSender, "erin@example.com", gate.Pass, "", 0},
		{"automatic, the author matches", trusted, "", host, "MAILER-DAEMON@*", config.RejectSender, "erin@example.com", gate.SignOnly, "relay@example.org", 0},
		{"automatic, nobody is named", trusted, "", "", "*", config.RejectSender, "erin@example.com", gate.Pass, "", 0},
		{"a report of another user", games, "", "MAILER-DAEMON@mx.example.org", "*", config.RejectSender, "erin@example.com", gate.Pass, "", 0},
		{"a local user", games, "games@mx.example.org", "games@mx.example.org", "games@*", config.RejectSender, "erin@example.com", gate.SignOnly, "relay@example.org", 0},
		{"a local user as another", games, "games@mx.example.org", "root@mx.example.org", "root@*", config.RejectSender, "erin@example.com", 0, "", 550},
		{"a local user as another, with the own address first", games, "games@mx.example.org", "games@mx.example.org, root@mx.example.org", "*", config.RejectSender, "erin@example.com", 0, "", 550},
	} {
		w := newWorld(t)
		w.withSiteKey(t, tc.site)
		w.Config.Senders.MissingKey = tc.missing
		m := message(t, "alice@example.org")
		m.Header = m.Header.Without("From")
		if tc.from != "" {
			m.Header = append(m.Header, mail.Field{Name: "From", Value: " " + tc.from})
		}
		m.Envelope = &tc.envelope
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
			t.Errorf("%s: %v (%s) by %q, want %v by %q", tc.name, got.Do, got.Why, plan.Signer, tc.want, tc.signer)
		}
		if (plan.SignerFingerprint() != "") != (tc.signer != "") {
			t.Errorf("%s: signed with %q", tc.name, plan.SignerFingerprint())
		}
		if len(w.signers) != 2 {
			t.Errorf("%s: a key was made", tc.name)
		}
	}
}

// TestMissingSiteKeyIsMended sends nothing, and the log says what to do.
func TestMissingSiteKeyIsMended(t *testing.T) {
	w := newWorld(t)
	w.withSiteKey(t, "root@*")
	delete(w.signers, "relay@example.org")
	w.Config.Senders.MissingKey = config.EncryptOnly
	for _, to := range []string{"bob@example.net", "erin@example.com"} {
		edit, err := w.submit(t, message(t, "root@mx1.example.org"), nil, to)
		if code(err) != 451 || edit != nil || !strings.Contains(err.Error(), "OpenPGP key of relay@example.org") {
			t.Errorf("%s: %v, %+v", to, err, edit)
		}
	}
	if log := w.log.String(); strings.Count(log, "sealmilter keys generate relay@example.org") != 2 {
		t.Errorf("the log says %s", log)
	}
}
