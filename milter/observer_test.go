package milter_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"sealmilter/internal/mail"
	"sealmilter/milter"
)

// tally is an Observer that notes what it is told.
type tally struct {
	mu  sync.Mutex
	all []string
}

func (t *tally) note(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(t.all, fmt.Sprintf(format, args...))
}

func (t *tally) Connected()                                   { t.note("connected") }
func (t *tally) Refused(why milter.Refusal)                   { t.note("refused: %s", why) }
func (t *tally) Recipient(o milter.Outcome, _ time.Duration)  { t.note("recipient %s", o) }
func (t *tally) Message(o milter.Outcome, took time.Duration) { t.note("message %s %t", o, took > 0) }

func (t *tally) want(test *testing.T, want ...string) {
	test.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Equal(t.all, want) {
		test.Errorf("observed %q, want %q", t.all, want)
	}
	t.all = nil
}

// TestObserver has messages come to each of their ends.
func TestObserver(t *testing.T) {
	seen := &tally{}
	answers := map[string]error{
		"<later@example.net>": mail.Defer("4.7.5", "later", nil),
		"<never@example.net>": mail.Reject("5.7.1", "never", nil),
	}
	server := &milter.Server{Observer: seen, Begin: func(_ context.Context, env *mail.Envelope) (milter.Handler, error) {
		switch env.RawSender {
		case "<foreign@example.org>":
			return nil, nil
		case "<mallory@example.org>":
			return nil, mail.Reject("5.7.1", "no", nil)
		}
		return handler{
			rcpt: func(_ context.Context, _ *mail.Envelope, to mail.Recipient) error { return answers[to.Raw] },
			message: func(_ context.Context, m *mail.Message) (*mail.Edit, error) {
				switch m.Envelope.Recipients[0].Raw {
				case "<panic@example.net>":
					panic("in the handler")
				case "<full@example.net>":
					return nil, mail.Reject("5.3.4", "too much", nil)
				}
				return nil, nil
			},
		}, nil
	}}
	m := connectWith(t, serve(t, server), answered)
	seen.want(t, "connected")

	m.deliver("<bob@example.net>")
	seen.want(t, "recipient accepted", "message accepted true")
	m.deliver("<panic@example.net>")
	seen.want(t, "recipient accepted", "message deferred true")
	m.deliver("<full@example.net>")
	seen.want(t, "recipient accepted", "message rejected true")
	m.want("a", 'M', "<foreign@example.org>")
	seen.want(t, "message untouched false")
	m.want("y550", 'M', "<mallory@example.org>")
	seen.want(t, "message rejected false")

	m.want("c", 'M', "<alice@example.org>")
	m.want("y451", 'R', "<later@example.net>")
	m.want("y550", 'R', "<never@example.net>")
	seen.want(t, "recipient deferred", "recipient rejected")
	if l := server.Load(); l.Working != 1 || l.MostInFlight != milter.DefaultMaxInFlight || l.Closing || l.Stuck != 0 {
		t.Errorf("with a message in work: %+v", l)
	}
	m.say('A')
	m.want("c", 'M', "<alice@example.org>")
	seen.want(t, "message abandoned false")
	m.want("c", 'R', "<bob@example.net>")
	m.want("c", 'T')
	m.content([]string{"Subject: secret"}, "secret text\r\n")
	l := server.Load()
	if l.InFlight == 0 || l.InFlight > 10_000 {
		t.Errorf("%d octets in flight", l.InFlight)
	}
	for _, c := range l.Connections {
		if want := map[string]int{"mail": 1}[c.Kind]; c.Open != want || c.Most == 0 {
			t.Errorf("%+v, want %d", c, want)
		}
	}
}

// TestObserverOfRefusals has more connections come than may be.
func TestObserverOfRefusals(t *testing.T) {
	seen := &tally{}
	path := serve(t, &milter.Server{Observer: seen, MaxConnections: 1, Begin: always(handler{})})
	connect(t, path)
	seen.want(t, "connected")
	second := dial(t, path)
	second.negotiate(version, actions, steps)
	second.say('C', "host", "4\x00\x19127.0.0.1")
	second.gone()
	seen.want(t, "connected", "refused: limit")
}

// TestLoadOfWhatIsStuck has a handler go on when its message was given up.
func TestLoadOfWhatIsStuck(t *testing.T) {
	release := make(chan struct{})
	server := &milter.Server{Grace: time.Millisecond, MessageTime: time.Millisecond, Begin: always(handler{
		message: func(context.Context, *mail.Message) (*mail.Edit, error) {
			<-release
			return nil, nil
		},
	})}
	m := connect(t, serve(t, server))
	m.deliver("<bob@example.net>")
	if l := server.Load(); l.Stuck != 1 {
		t.Errorf("%d messages are stuck", l.Stuck)
	}
	close(release)
}
