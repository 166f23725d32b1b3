package milter

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"
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

// work runs f on a goroutine of its own and, while the MTA waits for it, sends progress packets if that is allowed:
// sendmail takes them only at the end of message and ends the connection over any other, Postfix takes them always.
func (s *session) work(progress bool, f func() error) error {
	done := make(chan error, 1)
	go func() {
		err := errNoReturn
		defer func() { done <- err }()
		err = guard(f)
	}()
	ticker := time.NewTicker(s.progress)
	defer ticker.Stop()
	for {
		select {
		case err := <-done:
			if s.tx.ctx.Err() != nil {
				// The MTA has given up and would take the answer for that to a later event.
				s.conn.cut()
			}
			return err
		case <-ticker.C:
			if progress {
				_ = s.conn.send(appendFrame(nil, actProgress, ""))
			}
		}
	}
}
