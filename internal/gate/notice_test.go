package gate_test

import (
	"net/netip"
	"strings"
	"testing"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
)

func TestLocalProgramRefusals(t *testing.T) {
	for _, tc := range []struct {
		name, sender string
		to           []string
		want         int
		discard      bool
	}{
		{"all refused", "alice@example.org", []string{"erin@example.com"}, 250, true},
		{"one refused", "alice@example.org", []string{"erin@example.com", "bob@example.net"}, 250, false},
		{"null sender", "", []string{"erin@example.com"}, 550, false},
	} {
		w := newWorld(t)
		w.Config.Policy.Mode = config.Require
		m := message(t, "alice@example.org")
		m.Envelope = &mail.Envelope{Sender: addr(t, tc.sender), NonSMTP: true, Client: netip.MustParseAddr("127.0.0.1")}
		edit, err := w.submit(t, m, nil, tc.to...)
		if code(err) != tc.want || err == nil && edit.Discard != tc.discard {
			t.Errorf("%s: %v, %+v", tc.name, err, edit)
			continue
		}
		if err != nil {
			if len(w.queue) != 0 {
				t.Errorf("%s: queue %+v", tc.name, w.queue)
			}
			continue
		}
		if len(w.queue) != 1 || w.queue[0].to != "alice@example.org" || strings.Contains(w.queue[0].text, "secret") {
			t.Errorf("%s: queue %+v", tc.name, w.queue)
		}
		if !edit.Discard && strings.Contains(text(t, edit), secretText) {
			t.Errorf("%s: clear text in place", tc.name)
		}
	}
}

// TestEveryRefusalIsTold has a local program send one message to two recipients in two goes.
func TestEveryRefusalIsTold(t *testing.T) {
	w := newWorld(t)
	w.Config.Policy.Mode = config.Require
	for i, to := range []string{"erin@example.com", "frank@example.com", "frank@example.com"} {
		m := message(t, "alice@example.org")
		m.Envelope = &mail.Envelope{Sender: addr(t, "alice@example.org"), NonSMTP: true, Client: netip.MustParseAddr("127.0.0.1")}
		edit, err := w.submit(t, m, nil, to)
		if err != nil || !edit.Discard || len(w.queue) != min(i+1, 2) || !strings.Contains(w.queue[len(w.queue)-1].text, to) {
			t.Fatalf("%s: %v, %+v, queue %+v", to, err, edit, w.queue)
		}
	}
}
