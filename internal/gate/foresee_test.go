package gate_test

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sealmilter/internal/gate"
	"sealmilter/internal/mail"
)

// TestPlanIsWhatHappens draws configurations and messages as TestNothingLeaks does, and holds what a plan says of each
// message to what becomes of it.
func TestPlanIsWhatHappens(t *testing.T) {
	trials := 300
	if testing.Short() {
		trials = 40
	}
	c := newCast(t)
	clients := newClientMessages(t, c)
	for seed := range trials {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			x := &trial{Rand: rand.New(rand.NewPCG(uint64(seed), 2)), cast: c, clients: clients}
			x.configure(t)
			x.write()
			w, m := x.world, x.message(t)
			all := append(slices.Clone(x.to), x.bcc...)
			for _, to := range all {
				m.Envelope.Recipients = append(m.Envelope.Recipients, mail.Recipient{Addr: addr(t, to), Raw: "<" + to + ">"})
			}
			plan, foreseen, planned := w.Foresee(t.Context(), m)
			m = x.message(t)
			edit, codes, err := w.submitAll(t, m, all...)
			if len(m.Envelope.Recipients) == 0 {
				if planned != nil {
					return // which no client gets as far as to hear
				}
				for _, d := range plan.Decisions {
					if d.Do != gate.Reject && d.Do != gate.Defer || plan.Refusal != nil {
						t.Errorf("nobody was accepted at RCPT TO, and the plan says %+v, %v", d, plan.Refusal)
					}
				}
				return
			}
			if planned == nil && plan.Refusal != nil {
				planned = plan.Refusal
			}
			if code(planned) != code(err) || err != nil && mail.AsFailure(planned).Text != mail.AsFailure(err).Text {
				t.Fatalf("the plan is %v, and the answer %v\npolicy %+v\nplan %+v\ncodes %v", planned, err, w.Config.Policy, plan, codes)
			}
			if err != nil {
				return
			}
			x.inPlace(t, m, edit, m.Envelope.Recipients)
			got, seen := map[string]string{}, map[string]bool{}
			to := func(r mail.Recipient) string { return r.Addr.String() }
			for _, l := range x.left {
				got[l.to] = l.text
			}
			for _, d := range w.queue {
				got[d.to] = d.text
			}
			for _, f := range foreseen {
				want, left := comparable(f.Header), got[f.To.Addr.String()]
				header, _ := mail.SplitMessage([]byte(left))
				if is := comparable(header); !slices.Equal(is, want) {
					t.Errorf("%s: the header is foreseen as\n%s\nand is\n%s", f.To.Addr, strings.Join(want, "\n"), strings.Join(is, "\n"))
				}
				seen[to(f.To)] = true
			}
			for _, d := range plan.Decisions {
				if leaves := d.Do == gate.Encrypt || d.Do == gate.SignOnly || d.Do == gate.Pass; leaves && !seen[to(d.To)] && plan.Origin != gate.Foreign &&
					plan.SignerFingerprint() != "" {
					t.Errorf("%s: the header is not foreseen", d.To.Addr)
				}
				to := d.To.Addr.String()
				form := gate.Pass
				switch copied := got[to]; {
				case codes[to] == 550:
					form = gate.Reject
				case codes[to] == 451:
					form = gate.Defer
				case strings.Contains(copied, secretText) && strings.Contains(copied, "application/pgp-signature"):
					form = gate.SignOnly
				case x.came != nil && strings.Contains(copied, strings.TrimSpace(x.came.body)):
				case strings.Contains(copied, "application/pgp-encrypted"):
					form = gate.Encrypt
				}
				if form != d.Do {
					t.Errorf("%s: the plan is %v (%s), and what happens %v", to, d.Do, d.Why, form)
				}
			}
		})
	}
}

// drawn are the parts of a header that are drawn anew for each copy, and the time.
var drawn = regexp.MustCompile(`boundary="[^"]*"|^Date: .*|^Message-ID: .*`)

// comparable returns the fields of a header without what is drawn.
func comparable(h mail.Header) (fields []string) {
	for _, f := range h {
		if strings.EqualFold(f.Name, "Received") { // which the client's mail server adds in place
			continue
		}
		fields = append(fields, drawn.ReplaceAllString(f.Name+": "+f.Text(), "..."))
	}
	return fields
}

// TestPlanPreparesTheMessage finds that it cannot be sealed.
func TestPlanPreparesTheMessage(t *testing.T) {
	w := newWorld(t)
	m := message(t, "alice@example.org")
	m.Header = append(m.Header, mail.Field{Name: "Content-Type", Value: " message/partial"})
	m.Body = []byte("a piece \xe4\r\n")
	m.Envelope.Recipients = []mail.Recipient{{Addr: addr(t, "bob@example.net"), Raw: "<bob@example.net>"}}
	if plan, err := w.Plan(t.Context(), m); code(err) != 554 || plan != nil {
		t.Errorf("%v, %+v", err, plan)
	}
}
