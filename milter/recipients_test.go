package milter_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"sealmilter/internal/mail"
	"sealmilter/milter"
)

// TestTenThousandRecipients has all of them, and not one more.
func TestTenThousandRecipients(t *testing.T) {
	const most = 10_000
	var got collector
	m := connect(t, serve(t, &milter.Server{Begin: got.begin}))
	m.want("c", 'M', "<alice@example.org>")
	for n := range most {
		m.want("c", 'R', fmt.Sprintf("<recipient-%d@example.org>", n))
	}
	m.want("y452 4.5.3 The message has more than 10000 recipients.", 'R', "<late@example.org>")
	m.content([]string{"From: alice@example.org"}, "text")
	if answer := m.finish(); answer[0] != "c" || len(got.got) != 1 {
		t.Fatalf("the answer is %q", answer)
	}
	all := got.got[0].Envelope.Recipients
	if len(all) != most || all[most-1].Raw != fmt.Sprintf("<recipient-%d@example.org>", most-1) {
		t.Errorf("%d recipients", len(all))
	}
}

// TestManyRecipientsCount: a long envelope takes its share of the budget until the message is over, and is answered like a
// body for which there is no room.
func TestManyRecipientsCount(t *testing.T) {
	const uncounted, fitting = 100, 4
	for name, end := range map[string]func(*mta){
		"end of message": func(m *mta) { m.content(nil); m.finish() },
		"abort":          func(m *mta) { m.say('A') },
		"cut":            func(m *mta) { m.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			clocked(t, &milter.Server{Begin: edits(&mail.Edit{Discard: true}), MaxInFlight: 5000}, func(t *testing.T, dial dialer) {
				fill := func() *mta {
					m := dial().begun()
					m.want("c", 'M', "<alice@example.org>")
					for n := range uncounted + fitting {
						m.want("c", 'R', fmt.Sprintf("<recipient-%d@example.org>", n))
					}
					m.want("y452 4.3.1 ", 'R', "<late@example.org>")
					return m
				}
				first, second := fill(), dial().begun()
				second.envelope("<bob@example.org>")
				second.want("c", 'N')
				second.want("c", 'B', strings.Repeat("x", 1000))
				if answer := second.finish(); !strings.HasPrefix(answer[0], "y452 4.3.1 ") {
					t.Errorf("beside a long envelope, a message is answered with %q", answer)
				}
				end(first)
				synctest.Wait()
				fill()
			})
		})
	}
}
