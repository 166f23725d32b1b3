package milter

import (
	"bufio"
	"io"
	"net"
	"time"

	lib "github.com/emersion/go-milter"

	"sealmilter/internal/event"
)

// serve finds out what a new connection speaks and serves it to its end.
func (s *Server) serve(c *conn) {
	_ = c.SetReadDeadline(c.session.greetBy)
	user, admitted := s.admits(c)
	if !admitted && !s.become(c, unknown) {
		return
	}
	first, err := c.in.Peek(1)
	if err != nil {
		return // A probe that says nothing is no news.
	}
	if !admitted {
		s.refuse(c, user)
		return
	}
	// Every frame is shorter than 16 MiB.
	if first[0] != 0 && s.Other != nil {
		if s.become(c, otherwise) {
			s.serveOther(c)
		}
		return
	}
	if err := c.negotiate(); err != nil {
		event.OfferRefused.Log(c.log, event.Err(err))
		return
	}
	// From here on, conn.next sets the deadline, but not for an event that is there already: this one would end the message
	// that such events begin.
	_ = c.SetReadDeadline(time.Time{})
	defer c.session.finish()
	// A library's Server for this connection alone, so that connections share none of its state.
	library := lib.Server{NewMilter: func() lib.Milter { return c.session }}
	_ = library.Serve(&single{conn: c})
	c.receive()
	<-c.closed
}

func (s *Server) serveOther(c *conn) {
	_ = c.SetReadDeadline(time.Time{})
	err := guard(func() error {
		s.Other(&unread{Conn: c.Conn, in: c.in})
		return nil
	})
	if err != nil {
		c.session.failure(err)
	}
}

// negotiate answers the MTA's offer.
func (c *conn) negotiate() error {
	f, err := readFrame(c.in)
	if err != nil {
		return err
	}
	o, err := parseOffer(f)
	if err != nil {
		return err
	}
	answer, steps, err := o.answer()
	if err != nil {
		return err
	}
	c.session.steps = steps
	return c.send(answer)
}

func (s *Server) newSession(c *conn) *session {
	return &session{
		conn: c, begin: s.Begin, limits: &s.limits, buffers: &s.buffers, times: c.times, log: c.log,
		macros: make(macros), users: s.Users, become: func(k kind) bool { return s.become(c, k) },
		greetBy: time.Now().Add(c.times.greeting), observer: s.observer(), stuck: &s.stuck,
	}
}

// single is a listener with one connection.
type single struct{ conn net.Conn }

func (l *single) Accept() (net.Conn, error) {
	if l.conn == nil {
		return nil, io.EOF
	}
	c := l.conn
	l.conn = nil
	return c, nil
}

func (l *single) Close() error { return nil }

func (l *single) Addr() net.Addr { return nil }

// unread is a connection whose first octets have been looked at.
type unread struct {
	net.Conn
	in *bufio.Reader
}

func (c *unread) Read(p []byte) (int, error) { return c.in.Read(p) }
