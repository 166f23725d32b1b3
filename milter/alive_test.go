package milter_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"sealmilter/internal/mail"
	"sealmilter/milter"
)

// TestAlive asks a server that is idle, has a message in work, is told to end and has ended.
func TestAlive(t *testing.T) {
	entered, leave := make(chan bool), make(chan bool)
	server := &milter.Server{Begin: always(handler{
		message: func(context.Context, *mail.Message) (*mail.Edit, error) {
			entered <- true
			<-leave
			return nil, nil
		},
	})}
	if err := server.Alive(t.Context()); err == nil {
		t.Error("it is alive before it serves")
	}
	select {
	case <-server.Serving():
		t.Error("it serves before it does")
	default:
	}
	path := serve(t, server)
	select {
	case <-server.Serving():
	case <-t.Context().Done():
		t.Fatal("it never serves")
	}
	looks := func(working int) {
		t.Helper()
		for range 2 {
			if err := server.Alive(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if n := server.Load().Working; n != working {
			t.Errorf("%d messages in work, not %d", n, working)
		}
	}
	connect(t, path)
	looks(0)
	m := connect(t, path)
	m.envelope("<bob@example.org>")
	looks(1)
	m.content(nil)
	m.say('E')
	<-entered
	looks(1)

	done := make(chan error)
	go func() { done <- server.Shutdown(context.Background()) }()
	m2 := dial(t, path) // is refused when the server is closing, and may come before that
	m2.negotiate(version, actions, steps)
	looks(1)
	close(leave)
	if got := m.receive(); got != "c" {
		t.Errorf("got %q", got)
	}
	m.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := server.Alive(t.Context()); err == nil {
		t.Error("it is alive after its end")
	}
}

// deaf is a listener that is never woken. It tells when a connection is waited for.
type deaf struct {
	pipes
	waits chan<- bool
}

func (d *deaf) Accept() (net.Conn, error) {
	d.waits <- true
	return d.pipes.Accept()
}

func (*deaf) SetDeadline(time.Time) error { return nil }

// TestAliveTellsWhoIsNot has a goroutine hang that should accept connections.
func TestAliveTellsWhoIsNot(t *testing.T) {
	waits := make(chan bool, 1)
	server := &milter.Server{Begin: always(handler{})}
	serveOn(t, server, &deaf{pipes{closed: make(chan struct{})}, waits})
	<-waits
	cause := errors.New("too long")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	if err := server.Alive(ctx); !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
}
