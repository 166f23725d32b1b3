package milter_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sealmilter/internal/mail"
	"sealmilter/milter"
)

// TestPanicsAreAnswered: the client hears 451, the log has the stack but nothing of the message, and the same connection
// goes on with the next message.
func TestPanicsAreAnswered(t *testing.T) {
	type panics struct{ begin, rcpt, message func() }
	nothing := func() {}
	boom := func() { panic("secret text") }
	for name, tc := range map[string]panics{
		"begin":           {boom, nothing, nothing},
		"rcpt":            {nothing, boom, nothing},
		"message":         {nothing, nothing, boom},
		"runtime error":   {nothing, nothing, func() { _ = strings.Split("secret text", ",")[1] }},
		"goroutine ended": {nothing, nothing, runtime.Goexit},
	} {
		t.Run(name, func(t *testing.T) {
			var log journal
			m := connect(t, serve(t, &milter.Server{
				Log: slog.New(slog.NewTextHandler(&log, nil)),
				Begin: func(_ context.Context, env *mail.Envelope) (milter.Handler, error) {
					if env.HasArg("GOOD") {
						return handler{}, nil
					}
					tc.begin()
					return handler{
						rcpt: func(context.Context, *mail.Envelope, mail.Recipient) error { tc.rcpt(); return nil },
						message: func(context.Context, *mail.Message) (*mail.Edit, error) {
							tc.message()
							return &mail.Edit{Discard: true}, nil
						},
					}, nil
				},
			}))
			m.macros('M', "i", "4QUEUE")
			m.say('M', "<alice@example.org>")
			answer := m.receive()
			if answer == "c" {
				m.say('R', "<bob@example.org>")
				answer = m.receive()
			}
			if answer == "c" {
				m.content([]string{"Subject: secret"}, "secret text")
				answer = m.finish()[0]
			}
			if !strings.HasPrefix(answer, "y451 4.3.0 ") {
				t.Errorf("answer %q", answer)
			}
			if s := log.String(); !strings.Contains(s, "queue_id=4QUEUE") || strings.Contains(s, "secret") ||
				name != "goroutine ended" && !strings.Contains(s, "work_test.go") {
				t.Errorf("log: %s", s)
			}
			m.want("c", 'M', "<alice@example.org>", "GOOD")
			m.want("c", 'R', "<bob@example.org>")
			m.content(nil)
			if answer := m.finish(); answer[0] != "c" {
				t.Errorf("next message: %q", answer)
			}
		})
	}
}

// TestMTAGoes: the MTA ends the connection while a handler works, and what comes of that work is no error of ours.
func TestMTAGoes(t *testing.T) {
	var log journal
	entered, left := make(chan bool), make(chan bool)
	server := &milter.Server{Log: slog.New(slog.NewTextHandler(&log, nil)), Begin: always(handler{
		message: func(ctx context.Context, _ *mail.Message) (*mail.Edit, error) {
			defer close(left)
			entered <- true
			<-ctx.Done()
			return nil, fmt.Errorf("query database: %w", ctx.Err())
		},
	})}
	m := connect(t, serve(t, server))
	m.envelope("<bob@example.org>")
	m.content(nil)
	m.say('E')
	<-entered
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	<-left
	if err := server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := log.String(); strings.Contains(s, "level=ERROR") || !strings.Contains(s, "event=milter.gone") {
		t.Errorf("log: %s", s)
	}
}

// TestProgress: a handler that waits does not leave before the MTA has seen progress packets.
func TestProgress(t *testing.T) {
	leave := make(chan bool)
	wait := func(context.Context, *mail.Envelope, mail.Recipient) error { <-leave; return nil }
	m := connect(t, serve(t, &milter.Server{Progress: time.Millisecond, Begin: always(handler{
		rcpt:    wait,
		message: func(context.Context, *mail.Message) (*mail.Edit, error) { <-leave; return nil, nil },
	})}))
	waits := func(code byte, args ...string) {
		t.Helper()
		m.say(code, args...)
		for range 3 {
			if got := m.receive(); got != "p" {
				t.Fatalf("got %q", got)
			}
		}
		leave <- true
		got := m.receive()
		for got == "p" {
			got = m.receive()
		}
		if got != "c" {
			t.Errorf("got %q", got)
		}
	}
	m.want("c", 'M', "<alice@example.org>")
	waits('R', "<bob@example.org>")
	m.content(nil)
	waits('E')
}

// TestNoProgressAtRcptForSendmail: sendmail, which does not send the version macro, takes progress packets only at the
// end of message, and ends the connection over any other.
func TestNoProgressAtRcptForSendmail(t *testing.T) {
	for version, want := range map[string]string{"8.17.1.9": "c p p p c", "Postfix 3.7.11": "p p p c p p p c"} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			l := &pipes{conns: []net.Conn{near}, closed: make(chan struct{})}
			serveOn(t, &milter.Server{Begin: always(slow{10 * time.Second})}, l)
			m := &mta{T: t, Conn: far}
			m.negotiate(6, actions, steps)
			m.macros('C', "v", version)
			m.want("c", 'C', "client.example\x004\x00\x19192.0.2.7")
			m.want("c", 'M', "<alice@example.org>")
			var got []string
			until := func() {
				for {
					got = append(got, m.receive())
					if got[len(got)-1] != "p" {
						return
					}
				}
			}
			m.say('R', "<bob@example.org>")
			until()
			m.content(nil)
			m.say('E')
			until()
			if s := strings.Join(got, " "); s != want {
				t.Errorf("%s: %s, want %s", version, s, want)
			}
		})
	}
}

// TestGoneClientEndsTheContext cuts the connection, or aborts the message, at each place where a handler works.
func TestGoneClientEndsTheContext(t *testing.T) {
	ends := map[string]func(*mta){
		"cut":     func(m *mta) { m.Close() },
		"abort":   func(m *mta) { m.say('A') },
		"quit":    func(m *mta) { m.say('Q') },
		"quit nc": func(m *mta) { m.say('K') },
		"mail":    func(m *mta) { m.say('M', "<mallory@example.org>") },
	}
	for name, end := range ends {
		for _, place := range []string{"begin", "rcpt", "message"} {
			t.Run(name+"/"+place, func(t *testing.T) {
				entered, left := make(chan bool), make(chan bool)
				work := func(ctx context.Context, here string) {
					if here == place {
						entered <- true
						<-ctx.Done()
						left <- true
					}
				}
				m := connect(t, serve(t, &milter.Server{
					Begin: func(ctx context.Context, env *mail.Envelope) (milter.Handler, error) {
						work(ctx, "begin")
						return handler{
							rcpt: func(ctx context.Context, _ *mail.Envelope, _ mail.Recipient) error { work(ctx, "rcpt"); return nil },
							message: func(ctx context.Context, _ *mail.Message) (*mail.Edit, error) {
								work(ctx, "message")
								return &mail.Edit{Discard: true}, nil
							},
						}, nil
					},
				}))
				m.say('M', "<alice@example.org>")
				if place != "begin" {
					m.receive()
					m.say('R', "<bob@example.org>")
				}
				if place == "message" {
					m.receive()
					m.content(nil)
					m.say('E')
				}
				<-entered
				end(m)
				<-left
				// An answer now would be taken for that to the next event.
				if name != "cut" {
					m.gone()
				}
			})
		}
	}
}

// TestContextEndsWithTheMessage: what a handler left running must stop.
func TestContextEndsWithTheMessage(t *testing.T) {
	var last context.Context
	m := connect(t, serve(t, &milter.Server{Begin: func(ctx context.Context, _ *mail.Envelope) (milter.Handler, error) {
		last = ctx
		return handler{}, nil
	}}))
	m.deliver("<bob@example.org>")
	m.want("c", 'U') // answered after the message is over
	if last.Err() == nil {
		t.Error("the context goes on")
	}
}
