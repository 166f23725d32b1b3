package milter_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sealmilter/internal/mail"
	"sealmilter/milter"
)

// switchboard is a listener whose connections are made by dial.
type switchboard struct {
	calls  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *switchboard) Accept() (net.Conn, error) {
	select {
	case c := <-l.calls:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *switchboard) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *switchboard) Addr() net.Addr { return nil }

// dialer opens a connection to a server.
type dialer func() *mta

// clocked runs play with a false clock. It may dial the server, which is shut down at the end.
func clocked(t *testing.T, s *milter.Server, play func(t *testing.T, dial dialer)) {
	t.Helper()
	clockedWith(t, s, func(c net.Conn) net.Conn { return c }, play)
}

// clockedWith shows the server its connections as another listener would.
func clockedWith(t *testing.T, s *milter.Server, shown func(net.Conn) net.Conn, play func(t *testing.T, dial dialer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &switchboard{calls: make(chan net.Conn), closed: make(chan struct{})}
		serveOn(t, s, l)
		play(t, func() *mta {
			near, far := net.Pipe()
			t.Cleanup(func() { far.Close() })
			l.calls <- shown(near)
			return &mta{T: t, Conn: far}
		})
	})
}

// begun has the option negotiation and the beginning of the SMTP session behind it.
func (m *mta) begun() *mta {
	m.Helper()
	m.negotiate(version, actions, steps)
	m.want("c", 'C', "client.example\x00U")
	return m
}

// lived checks how long a connection has lived since start, when it is gone.
func (m *mta) lived(start time.Time, want time.Duration) {
	m.Helper()
	m.gone()
	if took := time.Since(start); took != want {
		m.Errorf("the connection lived for %v, not %v", took, want)
	}
}

// TestTimeIsUp has a handler that does its best until its context ends. Only success counts after that.
func TestTimeIsUp(t *testing.T) {
	for name, tc := range map[string]struct {
		result func(context.Context) error
		want   string
	}{
		"an error":      {func(ctx context.Context) error { return fmt.Errorf("ask the oracle: %w", ctx.Err()) }, "y451 4.3.0 The mail encryption service could not finish"},
		"a refusal":     {func(ctx context.Context) error { return mail.Reject("5.7.1", "No key", ctx.Err()) }, "y451 4.3.0 The mail encryption service could not finish"},
		"done in time":  {func(context.Context) error { return nil }, "c"},
		"not its cause": {func(ctx context.Context) error { return context.Cause(ctx) }, "y451 4.3.0 "},
	} {
		t.Run(name, func(t *testing.T) {
			var log journal
			wait := true
			server := &milter.Server{Log: slog.New(slog.NewTextHandler(&log, nil)), MessageTime: 5 * time.Minute, Begin: always(handler{
				message: func(ctx context.Context, _ *mail.Message) (*mail.Edit, error) {
					if !wait {
						return nil, nil
					}
					<-ctx.Done()
					if cause := context.Cause(ctx); !errors.Is(cause, milter.ErrTime) {
						t.Errorf("the context ended for %v", cause)
					}
					return nil, tc.result(ctx)
				},
			})}
			clocked(t, server, func(t *testing.T, dial dialer) {
				m := dial().begun()
				m.macros('M', "i", "4QUEUE")
				m.envelope("<bob@example.org>")
				time.Sleep(time.Hour) // the client takes its time for the text; the MTA has nothing yet
				start := time.Now()
				m.want("c", 'L', "From", " alice@example.org")
				time.Sleep(50 * time.Second)
				m.want("c", 'N')
				if answer := m.finish(); !strings.HasPrefix(answer[0], tc.want) {
					t.Errorf("answer %q, want %q", answer, tc.want)
				}
				if took := time.Since(start); took != 5*time.Minute {
					t.Errorf("the answer came after %v", took)
				}
				if s := log.String(); name == "an error" && (!strings.Contains(s, "queue_id=4QUEUE") || !strings.Contains(s, "ask the oracle")) {
					t.Errorf("the log is %s", s)
				}
				wait = false
				if answer := m.deliver("<bob@example.org>"); answer[0] != "c" {
					t.Errorf("the next message is answered with %q", answer)
				}
			})
		})
	}
}

// TestEnvelopeTimeIsUp: the MTAs wait for less in the envelope, and the message may go on without the recipient.
func TestEnvelopeTimeIsUp(t *testing.T) {
	server := &milter.Server{Begin: always(slow{time.Hour})}
	clocked(t, server, func(t *testing.T, dial dialer) {
		m := dial().begun()
		m.want("c", 'M', "<alice@example.org>")
		start := time.Now()
		m.want("y451 4.3.0 ", 'R', "<bob@example.org>")
		m.want("y451 4.3.0 ", 'R', "<carol@example.org>")
		if took := time.Since(start); took != 2*milter.DefaultCommandTime {
			t.Errorf("it took %v", took)
		}
	})
}

// TestQuickMTA has an MTA send its offer, the client and MAIL at once. The limit for its greeting ends with that: the
// handler has all of its own time.
func TestQuickMTA(t *testing.T) {
	server := &milter.Server{Begin: func(ctx context.Context, _ *mail.Envelope) (milter.Handler, error) {
		time.Sleep(milter.DefaultGreetingTime + time.Second)
		return handler{}, ctx.Err()
	}}
	clocked(t, server, func(t *testing.T, dial dialer) {
		for range 20 { // in which order the goroutines of a connection run is anybody's guess
			m := dial()
			offer := binary.BigEndian.AppendUint32(nil, version)
			offer = binary.BigEndian.AppendUint32(offer, actions)
			offer = binary.BigEndian.AppendUint32(offer, steps)
			m.send(slices.Concat(rawFrame('O', string(offer)), rawFrame('C', "client.example\x00U"), rawFrame('M', "<alice@example.org>\x00")))
			for _, want := range []string{"O", "c", "c"} {
				if answer := m.receive(); !strings.HasPrefix(answer, want) {
					t.Fatalf("the answer is %q, not %q", answer, want)
				}
			}
			m.Close()
		}
	})
}

// TestGivenUp has handlers that do not heed their contexts. The MTA hears of it and is let go; what the message holds, and
// the place of its connection, are free only when the handler has come to its end.
func TestGivenUp(t *testing.T) {
	for _, place := range []string{"begin", "rcpt", "message"} {
		t.Run(place, func(t *testing.T) {
			var log journal
			var leave chan bool
			work := func(here string) {
				if here == place {
					<-leave
				}
			}
			server := &milter.Server{
				Log: slog.New(slog.NewTextHandler(&log, nil)), MaxInFlight: 100, MaxConnections: 2,
				Begin: func(_ context.Context, env *mail.Envelope) (milter.Handler, error) {
					if env.HasArg("GOOD") {
						return handler{}, nil
					}
					work("begin")
					return handler{
						rcpt:    func(context.Context, *mail.Envelope, mail.Recipient) error { work("rcpt"); return nil },
						message: func(context.Context, *mail.Message) (*mail.Edit, error) { work("message"); return nil, nil },
					}, nil
				},
			}
			clocked(t, server, func(t *testing.T, dial dialer) {
				leave = make(chan bool)
				m := dial().begun()
				start := time.Now()
				m.say('M', "<alice@example.org>")
				if place != "begin" {
					m.receive()
					m.say('R', "<bob@example.org>")
				}
				want := milter.DefaultCommandTime
				if place == "message" {
					m.receive()
					m.content(nil, strings.Repeat("x", 60))
					m.say('E')
					want = milter.DefaultMessageTime
				}
				answer := m.receive()
				for answer == "p" {
					answer = m.receive()
				}
				if !strings.HasPrefix(answer, "y451 4.3.0 ") {
					t.Errorf("the answer is %q", answer)
				}
				m.lived(start, want+milter.DefaultGrace)
				if !strings.Contains(log.String(), "a message was given up") {
					t.Errorf("the log is %s", log.String())
				}

				next := dial().begun()
				body := func() string {
					next.want("c", 'M', "<alice@example.org>", "GOOD")
					next.want("c", 'R', "<bob@example.org>")
					next.want("c", 'N')
					next.say('B', strings.Repeat("x", 60))
					next.answer('B')
					return next.finish()[0]
				}
				if answer := body(); place == "message" && !strings.HasPrefix(answer, "y452 4.3.1 ") {
					t.Errorf("while a handler has the message, another is answered with %q", answer)
				}
				last := dial()
				last.negotiate(version, actions, steps)
				last.want("", 'C', "client.example\x00U") // the handler has its place
				close(leave)
				synctest.Wait()
				if answer := body(); answer != "c" {
					t.Errorf("afterwards another message is answered with %q", answer)
				}
				dial().begun()
			})
		})
	}
}

// TestClientOfAStrayHandler: a client that goes away does not have the connection kept for ever either.
func TestClientOfAStrayHandler(t *testing.T) {
	var leave, letGo chan bool
	server := &milter.Server{Begin: always(handler{message: func(context.Context, *mail.Message) (*mail.Edit, error) {
		<-leave
		return &mail.Edit{Done: func() { close(letGo) }}, nil
	}})}
	clocked(t, server, func(t *testing.T, dial dialer) {
		leave, letGo = make(chan bool), make(chan bool)
		m := dial().begun()
		m.envelope("<bob@example.org>")
		m.content(nil)
		m.say('E')
		start := time.Now()
		m.say('A')
		for answer := m.receive(); answer != ""; answer = m.receive() {
			if answer != "p" {
				t.Errorf("the answer is %q", answer)
			}
		}
		if took := time.Since(start); took != milter.DefaultGrace {
			t.Errorf("the connection lived for %v", took)
		}
		close(leave)
		<-letGo
	})
}

// TestSlowReader takes the new body piece by piece, and is late in all.
func TestSlowReader(t *testing.T) {
	var log journal
	body := strings.NewReader(strings.Repeat("x", 1<<20)) // 17 pieces
	server := &milter.Server{Log: slog.New(slog.NewTextHandler(&log, nil)), Begin: edits(&mail.Edit{Body: body})}
	clocked(t, server, func(t *testing.T, dial dialer) {
		m := dial().begun()
		m.envelope("<bob@example.org>")
		m.content(nil)
		start := time.Now()
		m.say('E')
		pieces := 0
		for answer := m.receive(); answer != ""; answer = m.receive() {
			if pieces++; answer == "c" {
				t.Error("the message has passed")
			}
			time.Sleep(50 * time.Second)
		}
		if took := time.Since(start); pieces != 3 || took != 150*time.Second {
			t.Errorf("%d pieces went in %v", pieces, took)
		}
		if s := log.String(); !strings.Contains(s, "did not take an answer in time") {
			t.Errorf("the log is %s", s)
		}
	})
}

// TestGreetingTime: a connection on which nothing comes, or next to nothing, ends soon.
func TestGreetingTime(t *testing.T) {
	server := &milter.Server{Begin: always(handler{}), Other: func(c net.Conn) { t.Error("nothing was said") }}
	clocked(t, server, func(t *testing.T, dial dialer) {
		start := time.Now()
		silent, slow := dial(), dial()
		slow.send([]byte{0, 0})
		silent.lived(start, milter.DefaultGreetingTime)
		slow.lived(start, milter.DefaultGreetingTime)
		start = time.Now()
		agreed := dial()
		agreed.negotiate(version, actions, steps)
		agreed.lived(start, milter.DefaultGreetingTime)
		start = time.Now()
		talkative := dial()
		talkative.negotiate(version, actions, steps)
		for range 4 {
			time.Sleep(7 * time.Second)
			talkative.macros('C', "v", "Postfix")
		}
		talkative.lived(start, milter.DefaultGreetingTime)
	})
}
