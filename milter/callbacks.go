package milter

import (
	"context"
	"fmt"
	"net"
	"net/textproto"
	"time"

	lib "github.com/emersion/go-milter"

	"sealmilter/internal/mail"
)

var _ lib.Milter = (*session)(nil)

// The errors of the callbacks are always nil: to the library an error means to hang up without an answer.

func (s *session) Connect(string, string, uint16, net.IP, *lib.Modifier) (lib.Response, error) {
	return reply{code: lib.ActContinue}, nil
}

func (s *session) Helo(string, *lib.Modifier) (lib.Response, error) {
	return reply{code: lib.ActContinue}, nil
}

// MailFrom begins a message. In non-SMTP mail a refusal here or at RCPT is kept for the end of message: Postfix would
// leave the message in its maildrop and try again for ever, without a word to the sender.
func (s *session) MailFrom(string, *lib.Modifier) (lib.Response, error) {
	ctx, cancel := context.WithCancel(s.event.ctx)
	tx := &transaction{ctx: ctx, cancel: cancel, env: s.envelope(), limits: s.limits, outcome: Abandoned}
	s.tx = tx
	var err error
	if tx.env.Sender, err = sender(s.event.data()); err == nil {
		var handler Handler
		err = s.work(s.isPostfix(), s.commandBy(), func(ctx context.Context) (err error) {
			handler, err = s.begin(ctx, tx.env)
			return err
		})
		if err == nil {
			tx.handler = handler
		}
	}
	switch {
	case err != nil && tx.env.NonSMTP:
		tx.fail(s.failure(err))
	case err != nil:
		failure := s.failure(err)
		tx.outcome = refusedBy(failure)
		s.endMessage()
		return refusal(failure), nil
	case tx.handler == nil:
		tx.outcome = Untouched
		s.endMessage()
		return reply{code: lib.ActAccept}, nil
	}
	return reply{code: lib.ActContinue}, nil
}

func (s *session) RcptTo(string, *lib.Modifier) (lib.Response, error) {
	tx := s.tx
	switch {
	case tx == nil:
		return refusal(errSequence), nil
	case tx.phase != inEnvelope:
		tx.fail(errSequence)
		return refusal(errSequence), nil
	case tx.failure != nil:
		return reply{code: lib.ActContinue}, nil
	}
	began := time.Now()
	to, err := recipient(s.event.data())
	switch {
	case err != nil:
	case len(tx.accepted) == s.limits.recipients:
		err = tooManyRecipients(tx.env.NonSMTP, s.limits.recipients)
	default:
		if err = s.holdRecipient(len(s.event.data())); err == nil {
			err = s.work(s.isPostfix(), s.commandBy(), func(ctx context.Context) error { return tx.handler.Rcpt(ctx, tx.env, to) })
		}
	}
	switch {
	case err != nil:
		failure := s.failure(err)
		s.observer.Recipient(refusedBy(failure), time.Since(began))
		if !tx.env.NonSMTP {
			return refusal(failure), nil
		}
		tx.fail(failure)
	default:
		s.observer.Recipient(Accepted, time.Since(began))
		tx.accepted = append(tx.accepted, to.Raw)
		tx.env.Recipients = append(tx.env.Recipients, to)
	}
	return reply{code: lib.ActContinue}, nil
}

// Header is not called, nor is Headers: these events do not come to the library.
func (s *session) Header(string, string, *lib.Modifier) (lib.Response, error) {
	return refusal(errSequence), nil
}

func (s *session) Headers(textproto.MIMEHeader, *lib.Modifier) (lib.Response, error) {
	return refusal(errSequence), nil
}

// BodyChunk answers any part of header or body.
func (s *session) BodyChunk([]byte, *lib.Modifier) (lib.Response, error) {
	switch {
	case s.tx == nil:
		return refusal(errSequence), nil
	case s.tx.failure != nil && s.event.code() == lib.CodeBody && s.steps&lib.OptSkip != 0:
		return reply{code: lib.ActSkip}, nil
	default:
		return reply{code: lib.ActContinue}, nil
	}
}

// Body is the end of message.
func (s *session) Body(*lib.Modifier) (lib.Response, error) {
	tx := s.tx
	if tx == nil {
		return refusal(errSequence), nil
	}
	defer s.endMessage()
	tx.content = time.Now()
	// The protocol lets the last part of the body come with the event. The library drops it.
	if last := s.event.data(); len(last) > 0 {
		tx.addChunk(last)
	}
	s.identifySubmitter()
	m, err := tx.whole()
	if err != nil {
		return s.refuseMessage(err), nil
	}
	var made handover
	err = s.work(true, s.answerBy, func(ctx context.Context) error {
		edit, err := tx.handler.Message(ctx, m)
		made.give(edit)
		return err
	})
	edit := made.take()
	defer done(edit)
	if err != nil {
		return s.refuseMessage(err), nil
	}
	out := s.buffers.packets(s.conn.send)
	var answer reply
	err = guard(func() (err error) {
		if answer, err = tx.apply(edit, out); err != nil || edit == nil || edit.Answer == nil {
			return err
		}
		if err := out.flush(); err != nil {
			return fmt.Errorf("milter: send the changes to a message: %w", err)
		}
		edit.Answer()
		return nil
	})
	if err != nil {
		s.buffers.release(out)
		return s.refuseMessage(err), nil
	}
	s.conn.held = out // The answer goes with it.
	tx.outcome = Accepted
	return answer, nil
}

// refuseMessage answers the end of a message with a failure.
func (s *session) refuseMessage(err error) lib.Response {
	failure := s.failure(err)
	s.tx.outcome = refusedBy(failure)
	return refusal(failure)
}

// tooManyRecipients asks a client to send the message to the others by itself (RFC 5321, section 4.5.3.1.10). Behind
// sendmail(1) there is none that would.
func tooManyRecipients(nonSMTP bool, most int) error {
	if nonSMTP {
		return &mail.Failure{Code: 554, Enhanced: "5.5.3",
			Text: fmt.Sprintf("The message has more than %d recipients. Please send it to fewer at a time.", most)}
	}
	return &mail.Failure{Code: 452, Enhanced: "4.5.3",
		Text: fmt.Sprintf("The message has more than %d recipients. Please send it to the others later.", most)}
}

// Abort is RSET, the end of the SMTP session, or our own observe.
func (s *session) Abort(*lib.Modifier) error {
	s.endMessage()
	return nil
}
