package gate_test

import (
	"strings"
	"testing"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

func pattern(t *testing.T, s string) []mail.Pattern {
	t.Helper()
	p, err := mail.ParsePattern(s)
	if err != nil {
		t.Fatal(err)
	}
	return []mail.Pattern{p}
}

// atEnd submits mail that nobody was asked about at RCPT TO, as a trusted client does behind another server.
func (w *world) atEnd(t *testing.T, m *mail.Message, to string) (*mail.Edit, error) {
	t.Helper()
	tx, err := w.Begin(t.Context(), m.Envelope)
	if err != nil {
		return nil, err
	}
	m.Envelope.Recipients = []mail.Recipient{{Addr: addr(t, to), Raw: "<" + to + ">"}}
	return tx.Message(t.Context(), m)
}

// TestNothingIsKnownOfASeenKey: whatever tells that the recipient may have a key keeps clear text from leaving, at RCPT
// TO and at the end of the message alike.
func TestNothingIsKnownOfASeenKey(t *testing.T) {
	for _, tc := range []struct {
		name   string
		answer keys.Answer
		want   int
	}{
		{"seen", keys.Answer{Why: "no answer", SeenBefore: true}, 451},
		{"announced", keys.Answer{Why: "no answer", Announced: true}, 451},
		{"neither", keys.Answer{Why: "no answer"}, 250},
		{"seen, and definitely gone", keys.Answer{Status: keys.None, Why: "expired", SeenBefore: true, Announced: true}, 250},
	} {
		w := newWorld(t)
		w.answers["bob@example.net"] = tc.answer
		tx, err := w.Begin(t.Context(), message(t, "alice@example.org").Envelope)
		if err != nil {
			t.Fatal(err)
		}
		err = tx.Rcpt(t.Context(), message(t, "alice@example.org").Envelope, mail.Recipient{Addr: addr(t, "bob@example.net")})
		if code(err) != tc.want {
			t.Errorf("%s, at RCPT TO: %v, want %d", tc.name, err, tc.want)
		}
		edit, err := w.atEnd(t, message(t, "alice@example.org"), "bob@example.net")
		if code(err) != tc.want || (edit != nil) != (tc.want == 250) {
			t.Errorf("%s, at the end: %v, want %d", tc.name, err, tc.want)
		}
	}
}

// TestMinLevelHolds: a certificate that is believed too little is refused at RCPT TO, and again at the end if it is
// believed less by then or the rule comes from the author.
func TestMinLevelHolds(t *testing.T) {
	for _, tc := range []struct {
		name string
		rule config.Rule
		want int
	}{
		{"believed far enough", config.Rule{To: pattern(t, "@example.net"), Mode: config.Require, MinLevel: "provider-trust"}, 250},
		{"believed too little", config.Rule{To: pattern(t, "@example.net"), Mode: config.Require, MinLevel: "known-key"}, 550},
		{"for another recipient", config.Rule{To: pattern(t, "@example.com"), Mode: config.Require, MinLevel: "known-key"}, 250},
	} {
		for _, end := range []bool{false, true} {
			w := newWorld(t)
			w.Config.Policy.Rules = []config.Rule{tc.rule}
			a := w.answers["bob@example.net"]
			a.Level = keys.ProviderTrust
			w.answers["bob@example.net"] = a
			submit := func() (*mail.Edit, error) {
				if end {
					return w.atEnd(t, message(t, "alice@example.org"), "bob@example.net")
				}
				tx, err := w.Begin(t.Context(), message(t, "alice@example.org").Envelope)
				if err != nil {
					return nil, err
				}
				return nil, tx.Rcpt(t.Context(), message(t, "alice@example.org").Envelope, mail.Recipient{Addr: addr(t, "bob@example.net")})
			}
			if _, err := submit(); code(err) != tc.want {
				t.Errorf("%s, at the end %t: %v, want %d", tc.name, end, err, tc.want)
			}
		}
	}
}

// TestRuleOfTheAuthor: a rule that names the author in the From field holds whoever is named in MAIL FROM.
func TestRuleOfTheAuthor(t *testing.T) {
	w := newWorld(t)
	w.Config.Policy.Mode = config.Prefer
	w.Config.Policy.Rules = []config.Rule{{From: pattern(t, "alice@example.org"), Mode: config.Require}}
	w.Config.Senders.Logins = map[string][]mail.Pattern{"office": append(pattern(t, "alice@example.org"), pattern(t, "office@example.org")...)}
	m := message(t, "alice@example.org")
	m.Envelope.Login, m.Envelope.Sender, m.Envelope.RawSender = "office", addr(t, "office@example.org"), "<office@example.org>"
	edit, err := w.submit(t, m, nil, "erin@example.com")
	if code(err) != 550 || edit != nil || !strings.Contains(err.Error(), "must be encrypted") {
		t.Errorf("%v, edit %v", err, edit)
	}
}
