package gate_test

import (
	"strings"
	"testing"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
)

// TestNoCopyNamesTheEnvelope has fields by which programs name the recipients of the envelope, and looks for one of
// these in the copies of the others, whether they are passed on, signed or encrypted.
func TestNoCopyNamesTheEnvelope(t *testing.T) {
	const hidden = "quiet@hidden.example"
	for _, mode := range []config.Mode{config.Pass, config.Sign, config.Prefer} {
		w := newWorld(t)
		w.Config.Policy.Mode = mode
		m := message(t, "alice@example.org")
		for _, name := range []string{"Bcc", "Resent-Bcc", "X-Bcc", "X-Original-Bcc", "Apparently-To", "Envelope-To", "X-Envelope-To", "X-Rcpt-To",
			"Original-Recipient", "X-Spamd-Result"} {
			m.Header = append(m.Header, mail.Field{Name: name, Value: " " + hidden})
		}
		edit := accepted(t)(w.submit(t, m, nil, "bob@example.net", "erin@example.com", hidden))
		for _, d := range append(w.queue, delivery{to: "bob@example.net", text: text(t, edit)}) {
			if strings.Contains(d.text, hidden) {
				t.Errorf("mode %s: the copy of %s has\n%s", mode, d.to, d.text)
			}
		}
	}
}
