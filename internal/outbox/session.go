package outbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"sealmilter/internal/mail"
)

// session is one SMTP connection to the MTA.
type session struct {
	*dialogue
	tcp    *net.TCPConn
	opened time.Time
	// rested says that it has been between two transactions, or was kept for the next message: the MTA may have hung up
	// since.
	rested bool
	// answered is the size of the answer to the last final dot, while it lies in the socket, and forget ends the watch
	// over the copy, nil if there is none.
	answered int
	forget   func()
}

// open opens a session. The end of ctx ends only the attempt to open it. A listener that cannot be used is a
// [*mail.Failure], and temporary whatever it replies: that is about the listener, and not about the message.
func (o *Outbox) open(ctx context.Context) (*session, error) {
	conn, err := o.dial(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, mail.Defer("4.4.1", notNow, fmt.Errorf("connect to the loopback listener %s: %w; check that the mail server "+
			"runs and has this listener (sealmilter setup makes it), and that reinject names it", o.addr, err))
	}
	detach := attach(ctx, conn)
	d, err := greet(conn, conn.name)
	if !detach() {
		conn.Close()
		return nil, context.Cause(ctx)
	}
	if err != nil {
		conn.Close()
		return nil, mail.Defer("4.3.2", notNow, fmt.Errorf("the loopback listener %s does not take the connection: %w; "+
			"see the mail server's log, and check that reinject names the listener that sealmilter setup makes", o.addr, err))
	}
	return &session{dialogue: d, tcp: conn.TCPConn, opened: time.Now()}, nil
}

// notNow is what a client reads when it is the listener that cannot be used.
const notNow = "The mail server does not take the copies of this message at the moment. Please try again later."

// attach closes conn when ctx ends. The returned function takes that back, and reports false if it has happened.
func attach(ctx context.Context, conn net.Conn) (detach func() bool) {
	return context.AfterFunc(ctx, func() { conn.Close() })
}

// during runs a part of a transaction that ends when ctx does. Then nothing is sent.
func (s *session) during(ctx context.Context, part func() error) error {
	detach := attach(ctx, s.conn)
	err := part()
	if !detach() && (err == nil || errors.Is(err, net.ErrClosed)) {
		err = context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("send a copy: %w", err)
	}
	return nil
}

// begin says who sends a copy and who gets it, up to where the MTA waits for its text.
func (s *session) begin(ctx context.Context, env *mail.Envelope, c Copy) error {
	from, to, err := s.commands(env, c)
	if err != nil {
		return err
	}
	return s.during(ctx, func() error { return s.transaction(from, to) })
}

// send ends a transaction that has begun. When ctx ends, or ready returns an error, before the final dot is written,
// the message is not sent. From then on the MTA may have it whatever becomes of ctx, so that its answer is waited for
// all the same, for [queueTimeout] at most.
//
// Ready is told how many octets the final dot is the last of. What it returns is called by settle or close, one of which the
// caller calls when it has recorded what send returns.
func (s *session) send(ctx context.Context, c Copy, ready func(octets int) (forget func(), err error)) error {
	// Whatever fails before the final dot must not reach it, which would send a part of the message: the caller closes the
	// connection without it.
	t := newText(s.out)
	err := s.during(ctx, func() error {
		if err := t.write(c); err != nil {
			return err
		}
		var err error
		if s.forget, err = ready(t.pending()); err != nil {
			return err
		}
		return s.silent()
	})
	if err != nil {
		return err
	}
	if err := t.end(); err != nil {
		return fmt.Errorf("send a copy: %w", err)
	}
	a, err := s.queued()
	s.answered = a.size
	if err != nil {
		return fmt.Errorf("send a copy: %w", err)
	}
	s.rested = true
	if c.Accepted != nil {
		c.Accepted(a.text)
	}
	return nil
}

// commands returns MAIL and RCPT of a copy. It refuses what the listener cannot take.
func (s *session) commands(env *mail.Envelope, c Copy) (from, to string, err error) {
	if body, _ := mail.Arg(env.Args, "BODY"); strings.EqualFold(body, "BINARYMIME") {
		// DATA would break lines that are not there (RFC 3030, section 3).
		return "", "", &mail.Failure{Code: 554, Enhanced: "5.6.3", Text: "A message with BODY=BINARYMIME cannot be sent in several copies."}
	}
	switch most := s.maxSize(); {
	case needsUTF8(env, c) && !s.announces("SMTPUTF8"):
		return "", "", mail.Reject("5.6.7", "The mail server's loopback listener does not support SMTPUTF8, which this message needs.", nil)
	case c.EightBit && !s.announces("8BITMIME"):
		return "", "", &mail.Failure{Code: 554, Enhanced: "5.6.3", Text: "The mail server's loopback listener does not support 8BITMIME, which this message needs."}
	case most > 0 && c.size > most:
		return "", "", &mail.Failure{Code: 552, Enhanced: "5.3.4", Text: "The message is too large for the mail server once it is signed or encrypted."}
	}
	if from, err = s.mailLine(env, c); err != nil {
		return "", "", err
	}
	to, err = s.rcptLine(c.To)
	return from, to, err
}

// quit ends the session in good manners, which nobody waits long for.
func (s *session) quit() {
	if s.say("QUIT") == nil {
		s.reply(quitTimeout, 221) // the connection ends, whatever the answer
	}
	s.conn.Close()
}

// settle ends the watch over a copy, and only then takes the answer about it out of the socket: whoever watches could
// not read it any more.
func (s *session) settle() {
	if s.forget != nil {
		s.forget()
		s.forget = nil
	}
	io.CopyN(io.Discard, s.in.R, int64(s.answered)) // it is there
	s.answered = 0
}

// close ends the session at once: the MTA throws away what it has of a message.
func (s *session) close() {
	s.settle()
	s.conn.Close()
}
