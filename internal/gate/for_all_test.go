package gate_test

import (
	"testing"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
)

// TestForAll holds what a plan says of its refusals to what clients hear: who is refused at RCPT TO is refused alone.
func TestForAll(t *testing.T) {
	for _, tc := range []struct {
		name   string
		adjust func(*world)
		asks   string
		want   bool
	}{
		{name: "at RCPT TO", adjust: func(w *world) { w.Config.Policy.Mode = config.Require }},
		{name: "asked for", adjust: func(*world) {}, asks: "require", want: true},
		{name: "where less may be asked for", adjust: func(w *world) {
			w.Config.Policy.Mode, w.Config.Policy.Request.Less = config.Require, true
		}, want: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			w.keyed(t, "bob@example.net")
			w.Config.Policy.Request.Header = "X-Sealmilter"
			tc.adjust(w)
			m := letter(t)
			if tc.asks != "" {
				m.Header = append(m.Header, mail.Field{Name: "X-Sealmilter", Value: " " + tc.asks})
			}
			to := []string{"bob@example.net", "erin@example.com"}
			m.Envelope.Recipients = nil
			for _, a := range to {
				m.Envelope.Recipients = append(m.Envelope.Recipients, mail.Recipient{Addr: mustParse(a), Raw: a})
			}
			plan, err := w.Plan(t.Context(), m)
			if err != nil {
				t.Fatal(err)
			}
			if bob, erin := plan.ForAll(plan.Decisions[0]), plan.ForAll(plan.Decisions[1]); bob || erin != tc.want {
				t.Errorf("bob's decision is for all: %t; erin's: %t, want %t", bob, erin, tc.want)
			}
			// The same message as it comes.
			tx, err := w.Begin(t.Context(), m.Envelope)
			if err != nil {
				t.Fatal(err)
			}
			if err := tx.Rcpt(t.Context(), m.Envelope, m.Envelope.Recipients[1]); (err == nil) != tc.want {
				t.Errorf("RCPT TO of erin: %v", err)
			}
		})
	}
}
