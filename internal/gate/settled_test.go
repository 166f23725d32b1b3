package gate_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
)

// TestWhoeverHasACopyIsNotRefused has a local program's message leave in part, and be refused for all or some of its
// recipients at the next try, since policy or keys are others by then. The sender is not told that somebody gets nothing
// who has a copy: they would send it once more.
func TestWhoeverHasACopyIsNotRefused(t *testing.T) {
	for name, change := range map[string]func(*world){
		"some are refused": func(w *world) { w.Config.Policy.Mode = config.Require },
		"all are refused":  func(w *world) { clear(w.signers) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.refuse["frank@example.com"] = &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "later"}
			try := func() (*mail.Edit, error) {
				m := message(t, "alice@example.org")
				m.Envelope = &mail.Envelope{Sender: addr(t, "alice@example.org"), NonSMTP: true, Local: true, User: "root", Client: netip.MustParseAddr("127.0.0.1")}
				return w.submit(t, m, nil, "bob@example.net", "erin@example.com", "frank@example.com")
			}
			if _, err := try(); code(err)/100 != 4 || len(w.queue) != 1 || w.queue[0].to != "erin@example.com" {
				t.Fatalf("the first try: %v, queue %+v", err, w.queue)
			}
			change(w)
			if _, err := try(); err != nil || len(w.queue) != 2 {
				t.Fatalf("the second try: %v, queue %+v", err, w.queue)
			}
			notice := w.queue[1].text
			if strings.Contains(notice, "erin@example.com") || !strings.Contains(notice, "frank@example.com") {
				t.Errorf("the notice: %s", notice)
			}
		})
	}
}
