package milter

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	lib "github.com/emersion/go-milter"

	"sealmilter/internal/event"
)

// conn is the connection as the library sees it. A goroutine of its own, receive, reads ahead by a frame, or by as many
// short ones as came together, so that a client which goes away, or aborts, is noticed while a handler works. All other
// methods but drain and cut belong to the library's goroutine, the only writer.
type conn struct {
	net.Conn
	in    *bufio.Reader
	times times
	log   *slog.Logger
	kind  kind // belongs to the server

	ctx    context.Context
	cancel context.CancelFunc
	events chan []mtaEvent
	ready  []mtaEvent    // taken from events, and not yet looked at
	err    error         // why events was closed
	closed chan struct{} // the library is done

	session  *session
	rest     []byte    // what the library has not read yet of a frame
	held     *packets  // what is sent in front of the library's next answer, nil for nothing
	answerBy time.Time // when the answer on its way must have been taken, zero if none is

	mu       sync.Mutex
	busy     bool // a message is in work
	draining bool
}

// mtaEvent is a frame from the MTA. The context of a MAIL event ends with the message.
type mtaEvent struct {
	frame
	ctx context.Context
}

func newConn(nc net.Conn, limits times, log *slog.Logger) *conn {
	ctx, cancel := context.WithCancel(context.Background())
	return &conn{
		Conn: nc, in: bufio.NewReader(nc), times: limits, log: log,
		ctx: ctx, cancel: cancel, events: make(chan []mtaEvent), closed: make(chan struct{}),
	}
}

// receive hands the MTA's frames to the library's goroutine until the connection ends.
func (c *conn) receive() {
	defer close(c.events)
	defer c.cancel()
	var message context.Context
	end := context.CancelCauseFunc(func(error) {})
	var came []mtaEvent
	for {
		if c.in.Buffered() == 0 {
			acknowledgeAtOnce(c.Conn)
		}
		f, err := readFrame(c.in)
		if err != nil {
			end(err)
			c.err = err
			return
		}
		e := mtaEvent{frame: f}
		switch f.code() {
		case lib.CodeMail:
			end(nil)
			message, end = context.WithCancelCause(c.ctx)
			e.ctx = message
		case lib.CodeAbort, lib.CodeQuit, lib.CodeQuitNewConn:
			end(nil)
		}
		// Each hand-over wakes another goroutine.
		if came = append(came, e); isBuffered(c.in) {
			continue
		}
		select {
		case c.events <- came:
			came = nil
		case <-c.ctx.Done():
			end(net.ErrClosed)
			c.err = net.ErrClosed
			return
		}
	}
}

// Read gives the library what the session made of the next frame. Every end of the connection is io.EOF for the library,
// which would print anything else past our logger.
func (c *conn) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		e, err := c.next()
		if err == nil {
			c.rest, err = c.session.observe(e)
		}
		if err != nil {
			c.logEnd(err)
			return 0, io.EOF
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// next waits for the next event, which must be there as a whole at a deadline, however its octets come. The time runs from
// the last answer, not while a handler works: its own time is limited.
func (c *conn) next() (mtaEvent, error) {
	c.answerBy = time.Time{}
	switch {
	case c.session.stray != nil:
		return mtaEvent{}, net.ErrClosed
	case !c.settle():
		return mtaEvent{}, io.EOF
	}
	now := time.Now()
	by := c.session.nextBy(now)
	if len(c.ready) == 0 {
		select {
		case c.ready = <-c.events:
		default: // It is not there yet, so the deadline is worth a timer.
			now = time.Time{}
			if err := c.SetReadDeadline(by); err != nil {
				return mtaEvent{}, err
			}
			c.ready = <-c.events
			if err := c.SetReadDeadline(time.Time{}); err != nil && len(c.ready) > 0 {
				return mtaEvent{}, err
			}
		}
	}
	switch {
	case len(c.ready) == 0: // events is closed
		return mtaEvent{}, c.err
	case now.After(by):
		return mtaEvent{}, os.ErrDeadlineExceeded
	}
	e := c.ready[0]
	c.ready = c.ready[1:]
	return e, nil
}

func (c *conn) logEnd(err error) {
	switch {
	case err == nil, errors.Is(err, net.ErrClosed): // we closed it ourselves, and said why
	case errors.Is(err, io.EOF):
		if c.session.tx != nil {
			event.MTAWent.Log(c.session.logger())
		}
	case errors.Is(err, os.ErrDeadlineExceeded) && !c.answerBy.IsZero():
		event.MTANotTaking.Log(c.session.logger(), event.Seconds(c.times.write))
	case errors.Is(err, os.ErrDeadlineExceeded) && !c.session.answerBy.IsZero():
		event.MTANotGiving.Log(c.session.logger(), event.Seconds(c.times.content), event.Limit(int64(c.times.message.Seconds())))
	case errors.Is(err, os.ErrDeadlineExceeded) && !c.session.placed:
		event.MTANotGreeting.Log(c.session.logger(), event.Seconds(c.times.greeting))
	case errors.Is(err, os.ErrDeadlineExceeded):
		event.MTASilent.Log(c.session.logger(), event.Seconds(c.times.idle))
	default:
		event.ConnectionBroke.Log(c.session.logger(), event.Err(err))
	}
}

// Write is for the library. It hides errors from it for the same reason as Read: the next Read ends the session.
func (c *conn) Write(p []byte) (int, error) {
	if out := c.held; out != nil {
		c.held = nil
		if out.add(p) == nil {
			_ = out.flush()
		}
		c.session.buffers.release(out)
		return len(p), nil
	}
	_ = c.send(p)
	return len(p), nil
}

// send writes whole frames of an answer, all of which must have been taken at one deadline. An error has been logged and
// has ended the connection.
func (c *conn) send(p []byte) error {
	if c.answerBy.IsZero() {
		c.answerBy = time.Now().Add(c.times.write)
	}
	err := c.SetWriteDeadline(c.answerBy)
	if err == nil {
		_, err = c.Conn.Write(p)
	}
	if err != nil {
		c.logEnd(err)
		c.cut()
	}
	return err
}

// sendProgress keeps the MTA waiting. It is an answer for itself: others follow.
func (c *conn) sendProgress() {
	_ = c.send(appendFrame(nil, actProgress, ""))
	c.answerBy = time.Time{}
}

// cut ends the connection under the library's feet: its next Read is the last.
func (c *conn) cut() {
	c.cancel()
	_ = c.Conn.Close()
}

// Close is called once, by the library when it is done.
func (c *conn) Close() error {
	c.cut()
	close(c.closed)
	return nil
}

// begin notes that a message is in work, and reports whether one may begin.
func (c *conn) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = !c.draining
	return c.busy
}

// settle is called when the answer to the last event is on its way; only then can the connection be idle. It reports
// whether more events are wanted.
func (c *conn) settle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = c.session.tx != nil
	return c.busy || !c.draining
}

// drain ends the connection at once if it is idle, else after the message in work.
func (c *conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.draining = true
	if !c.busy {
		_ = c.Conn.Close()
	}
}
