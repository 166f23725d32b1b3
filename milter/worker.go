package milter

import "context"

// worker runs the handlers of one connection, one call after the other, on a goroutine of its own, so that the session can
// wait for something else beside it. It stays for all calls, for a stack has grown after the first. Its zero value has no
// goroutine.
type worker struct {
	calls chan call
}

// call is one call of a handler. Its end is told in done, which has room for it.
type call struct {
	ctx  context.Context
	f    func(context.Context) error
	done chan<- error
}

// begin has f called, and returns where its end is told.
func (w *worker) begin(ctx context.Context, f func(context.Context) error) <-chan error {
	if w.calls == nil {
		w.calls = make(chan call)
		go work(w.calls)
	}
	done := make(chan error, 1)
	w.calls <- call{ctx, f, done}
	return done
}

// end lets the goroutine go, after the call that it is in.
func (w *worker) end() {
	if w.calls != nil {
		close(w.calls)
		w.calls = nil
	}
}

func work(calls <-chan call) {
	for c := range calls {
		c.run(calls)
	}
}

// run tells the end of the call, whatever that is. If it is the end of the goroutine, others follow on a new one.
func (c call) run(calls <-chan call) {
	err := errNoReturn
	defer func() {
		if err == errNoReturn {
			go work(calls)
		}
		c.done <- err
	}()
	err = guard(func() error { return c.f(c.ctx) })
}
