package milter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"runtime/debug"
	"time"

	"sealmilter/internal/event"
	"sealmilter/internal/mail"
)

// panicError is a recovered panic. Its text has the value only of runtime errors: others may hold a part of the message.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string {
	if err, ok := e.value.(runtime.Error); ok {
		return "panic: " + err.Error()
	}
	return fmt.Sprintf("panic with a %T", e.value)
}

var errNoReturn = errors.New("milter: the handler ended its goroutine")

// guard turns a panic of f into an error.
func guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{value: v, stack: debug.Stack()}
		}
	}()
	return f()
}

// errSlow is the answer to a message whose time was up.
var errSlow = mail.Defer("4.3.0", "The mail encryption service could not finish this message in time. Please try again later.", nil)

// errGone is the answer that nobody hears, because the MTA has gone.
var errGone = mail.Defer("4.4.2", "The mail server has given up this message.", nil)

// commandBy returns when the work on the event that came now must be done, in the envelope.
func (s *session) commandBy() time.Time { return time.Now().Add(s.times.command) }

// work has the worker run f until a deadline and, while the MTA waits for it, sends progress packets if that
// is allowed: sendmail takes them only at the end of message and ends the connection over any other, Postfix takes them
// always.
//
// What does not end soon after its context is given up: f may still run then, and has all that it was given.
func (s *session) work(progress bool, by time.Time, f func(context.Context) error) error {
	ctx, cancel := context.WithDeadlineCause(s.tx.ctx, by, ErrTime)
	defer cancel()
	done := s.worker.begin(ctx, f)
	ticker := time.NewTicker(s.times.progress)
	defer ticker.Stop()
	ended := ctx.Done()
	var grace <-chan time.Time
	for {
		select {
		case err := <-done:
			return s.worked(ctx, err)
		case <-ended:
			ended, grace = nil, time.After(s.times.grace)
		case <-grace:
			s.stray = done
			s.stuck.Add(1)
			event.GivenUp.Log(s.logger(), event.Why(context.Cause(ctx).Error()), event.Seconds(s.times.grace))
			return s.worked(ctx, errSlow)
		case <-ticker.C:
			if progress {
				s.conn.sendProgress()
			}
		}
	}
}

// worked returns what is answered after work came to its end, or was given up.
func (s *session) worked(ctx context.Context, err error) error {
	var panicked *panicError
	switch {
	case s.tx.ctx.Err() != nil:
		// The MTA has given up and would take the answer for that to a later event.
		s.conn.cut()
		if errors.Is(err, context.Canceled) { // no error of the work
			if cause := context.Cause(s.tx.ctx); !errors.Is(cause, context.Canceled) && !errors.Is(cause, net.ErrClosed) {
				event.MTAWent.Log(s.logger())
			}
			return errGone
		}
	case err == nil, err == errSlow, errors.As(err, &panicked):
	case errors.Is(context.Cause(ctx), ErrTime):
		event.TimeUp.Log(s.logger(), event.Err(err))
		return errSlow
	}
	return err
}
