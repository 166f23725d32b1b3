package milter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	lib "github.com/emersion/go-milter"

	"sealmilter/internal/event"
	"sealmilter/internal/mail"
)

var errProtocol = errors.New("malformed milter event")

// session is what is known on one connection. It is the library's backend (callbacks.go), and it sees each frame before
// the library does, for the facts that the library drops. All of it runs on the library's goroutine.
type session struct {
	conn    *conn
	begin   func(context.Context, *mail.Envelope) (Handler, error)
	limits  *limits
	buffers *buffers
	times   times
	steps   lib.OptProtocol // agreed with the MTA
	users   Users
	log     *slog.Logger
	become  func(kind) bool // takes another place for the connection
	placed  bool            // it is known what the connection is for
	// greetBy is when it must be known.
	greetBy time.Time

	event  mtaEvent // the one being answered
	macros macros
	client netip.AddrPort
	user   string // of this host, "" if not known
	local  bool   // the client is on this host
	// mtaUser is the user that the MTA runs as, asked for only where nobody else may be the client.
	mtaUser string
	helo    string
	tx      *transaction // nil between messages
	// answerBy is when the handler of the message must have come to its end, zero before the message's content.
	answerBy time.Time
	// recipientsHeld is how many octets of the budget the recipients have taken.
	recipientsHeld int64
	worker         worker
	observer       Observer
	stuck          *atomic.Int64 // that of the server
	// stray gets the result of a handler that was given up. The connection ends then, and what the message holds is kept
	// until that handler has returned.
	stray <-chan error
}

// observe returns what the library gets in place of the frame.
func (s *session) observe(e mtaEvent) ([]byte, error) {
	s.event = e
	if s.tx != nil && s.answerBy.IsZero() && isContent(e.code()) {
		s.answerBy = time.Now().Add(s.times.message)
	}
	if !s.place(e.code()) {
		return nil, net.ErrClosed // which was logged
	}
	switch e.code() {
	case lib.CodeConn:
		client, ok := clientAddrPort(e.data())
		if !ok {
			return nil, fmt.Errorf("%w: connect", errProtocol)
		}
		s.client, s.helo = client, ""
		if err := guard(s.identify); err != nil {
			s.failure(err)
		}
	case lib.CodeMacro:
		if !s.macros.set(e.data()) {
			return nil, fmt.Errorf("%w: macros", errProtocol)
		}
		if id := s.macros.get("i", lib.Code(e.data()[0])); id != "" && s.tx != nil {
			s.tx.env.QueueID = id
		}
		return nil, nil // The library would make a map of its own, and show it to nobody.
	case lib.CodeMail:
		if !s.conn.begin() {
			return nil, io.EOF
		}
		// An abort in front ends a message that has not come to its end.
		return append(appendFrame(nil, lib.CodeAbort, ""), e.frame...), nil
	case lib.CodeHelo:
		s.helo = strings.TrimSuffix(string(e.data()), "\x00")
		return s.ifAnswered(lib.CodeData), nil
	case lib.CodeHeader, lib.CodeEOH, lib.CodeBody:
		s.content(e.frame)
		return s.ifAnswered(lib.CodeBody), nil
	case lib.CodeAbort:
		s.macros.forgetMessage()
	case lib.CodeQuitNewConn:
		// Another SMTP session follows on this connection. The library would hang up.
		clear(s.macros)
		s.client, s.helo, s.user, s.local = netip.AddrPort{}, "", "", false
		return appendFrame(nil, lib.CodeAbort, ""), nil
	case codeUnknown: // The library would hang up.
		return s.ifAnswered(lib.CodeData), nil
	case lib.CodeRcpt, lib.CodeData, lib.CodeEOB, lib.CodeQuit:
	default:
		return nil, fmt.Errorf("%w: code %q", errProtocol, e.code())
	}
	return e.frame, nil
}

// ifAnswered returns an event for the library in place of the one being answered, nothing if the MTA does not wait for an
// answer. DATA the library answers with continue, without asking us.
func (s *session) ifAnswered(instead lib.Code) []byte {
	if !isAnswered(s.event.code(), s.steps) {
		return nil
	}
	return appendFrame(nil, instead, "")
}

// content takes a part of the message. The library does not see it: it would gather all fields in a map of its own, where no
// limit counts them, and copy each piece of the body. Where an answer is due, it asks for that as to an empty piece.
func (s *session) content(f frame) {
	if s.tx == nil {
		return
	}
	switch f.code() {
	case lib.CodeHeader:
		s.tx.addFieldOf(f.data())
	case lib.CodeEOH:
		s.tx.endHeader()
	case lib.CodeBody:
		s.tx.addChunk(f.data())
	default:
		s.tx.fail(errSequence)
	}
}

// envelope makes the envelope of the message that begins. The macros of its MAIL go with it: the next message must not
// find this one's login.
func (s *session) envelope() *mail.Envelope {
	env := &mail.Envelope{
		Login:      s.macros.get("auth_authen", lib.CodeMail),
		Client:     s.client.Addr(),
		ClientPort: s.client.Port(),
		Helo:       s.helo,
		Daemon:     s.macros.get("daemon_name", lib.CodeMail, lib.CodeHelo, lib.CodeConn),
		Host:       s.macros.get("j", lib.CodeMail, lib.CodeHelo, lib.CodeConn),
		User:       s.user,
		MTAUser:    s.mtaUser,
		QueueID:    s.macros.get("i", lib.CodeMail),
	}
	s.macros.forgetMessage()
	env.RawSender, env.Args = arguments(s.event.data())
	// SMTP mail has its angle brackets always, mail from sendmail(1) never; Postfix gives the latter the loopback
	// address. A client elsewhere cannot pass for it.
	bare := !strings.HasPrefix(env.RawSender, "<") && s.client.Addr().IsLoopback()
	env.NonSMTP = bare || env.Daemon == mail.DaemonLocal || env.Daemon == mail.DaemonFrontLocal
	env.Local = s.local || env.NonSMTP
	return env
}

// isPostfix reports whether the MTA gave Postfix's version macro.
func (s *session) isPostfix() bool {
	return strings.HasPrefix(s.macros.get("v", lib.CodeConn), "Postfix")
}

// place takes the place for what the connection is for, as soon as an event tells. Macros come before their event.
func (s *session) place(code lib.Code) bool {
	k := speaking
	switch {
	case code == lib.CodeMacro, code != lib.CodeConn && s.placed:
		return true
	case code == lib.CodeConn && s.macros.get("daemon_name", lib.CodeConn) == mail.DaemonCopies:
		k = copying
	}
	s.placed = s.become(k)
	return s.placed
}

// isContent reports whether an event brings a part of header or body. Both MTAs have the whole message when they send the
// first of these; DATA comes before the client has sent it.
func isContent(code lib.Code) bool {
	switch code {
	case lib.CodeHeader, lib.CodeEOH, lib.CodeBody, lib.CodeEOB:
		return true
	default:
		return false
	}
}

// nextBy returns when the next event must be there.
func (s *session) nextBy(now time.Time) time.Time {
	switch {
	case !s.placed:
		return s.greetBy
	case s.answerBy.IsZero():
		return now.Add(s.times.idle)
	}
	if by := now.Add(s.times.content); by.Before(s.answerBy) {
		return by
	}
	return s.answerBy
}

// endMessage lets go of the message, if there is one and no handler has it any more.
func (s *session) endMessage() {
	if s.tx == nil || s.stray != nil {
		return
	}
	var took time.Duration
	if !s.tx.content.IsZero() {
		took = time.Since(s.tx.content)
	}
	s.observer.Message(s.tx.outcome, took)
	s.tx.cancel()
	s.tx.release()
	s.limits.budget.give(s.recipientsHeld)
	s.tx, s.answerBy, s.recipientsHeld = nil, time.Time{}, 0
}

// finish waits for a handler that was given up, and lets go of the message. The connection is closed.
func (s *session) finish() {
	if s.stray != nil {
		<-s.stray
		s.stray = nil
		s.stuck.Add(-1)
	}
	s.endMessage()
	s.worker.end()
}

// failure makes the answer to an error, and logs what the client does not learn of it.
func (s *session) failure(err error) *mail.Failure {
	var chosen *mail.Failure
	var panicked *panicError
	switch {
	case errors.As(err, &panicked):
		event.Panicked.Log(s.logger(), event.Err(panicked), event.Stack(string(panicked.stack)))
	case !errors.As(err, &chosen):
		event.InternalError.Log(s.logger(), event.Err(err))
	case chosen.Err != nil, err != error(chosen):
		event.NotTaken.Log(s.logger(), event.Err(err))
	}
	return mail.AsFailure(err)
}

// logger names the message, if there is one, and who sends it.
func (s *session) logger() *slog.Logger {
	if s.tx == nil {
		return s.log
	}
	env := s.tx.env
	by := event.Login(env.Login)
	if env.Login == "" {
		by = event.User(env.User)
	}
	return event.With(s.log, event.QueueID(env.QueueID), event.From(env.Sender), by)
}
