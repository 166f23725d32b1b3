package witness

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"
)

// Options are what a witness needs.
type Options struct {
	// Claims is the open file that the claims of this process are locks of. It stays the caller's.
	Claims *os.File
	// Note tells the witness how to open the ledger. It may hold a password: it is seen by nobody else.
	Note []byte
	Log  *slog.Logger
	// Wait returns after a time, or with an error when the context ends.
	Wait func(context.Context, time.Duration) error
	// Spawn starts a process that calls [Attend] with its end of the socket and the claims.
	Spawn func(conn, claims *os.File) (Process, error)
}

// Process is a witness that runs.
type Process interface {
	// Kill ends it.
	Kill() error
	// Wait returns when it has ended. It is called once.
	Wait() error
}

// Witness is the milter's side. It is safe for concurrent use.
type Witness struct {
	options Options
	end     context.CancelFunc
	ended   chan struct{} // closed when the last process has ended

	mu   sync.Mutex
	line *line // nil while no process runs
	last uint64
	// started counts the processes.
	started int64
	// trusts are what the witness knows of.
	trusts map[uint64]*trust
}

// trust is one copy with the connection that it is written to, or records that are about to be deleted, without one.
type trust struct {
	record record
	octets uint64
	conn   *net.TCPConn
}

// line is the socket to one process.
type line struct {
	conn    *net.UnixConn
	process Process
}

// sendTimeout bounds the wait for a witness that reads no packets. It is far beyond what one needs that gets to run.
const sendTimeout = 2 * time.Second

// Start starts a witness, and starts it again whenever it ends. The caller ends it with Close. A host that cannot start one
// sends mail all the same; the log says so once a minute, and what to do.
func Start(options Options) *Witness {
	ctx, end := context.WithCancel(context.Background())
	w := &Witness{options: options, end: end, ended: make(chan struct{}), trusts: map[uint64]*trust{}}
	first, err := w.connect()
	go func() {
		defer close(w.ended)
		w.keep(ctx, first, err)
	}()
	return w
}

// Close ends the witness, unless there are copies in work: then it ends with this process, and reads the answers that come
// too late for it.
func (w *Witness) Close() {
	w.end()
	w.mu.Lock()
	busy, l := len(w.trusts) > 0, w.line
	w.mu.Unlock()
	if busy {
		return
	}
	if l != nil {
		l.process.Kill() // it has nothing to lose; what has ended already is as good
	}
	<-w.ended
}

// State tells whether a witness runs, and how many were started so far: more than one if others have ended.
func (w *Witness) State() (runs bool, started int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.line != nil, w.started
}

// Watch tells the witness of a copy whose final dot will be among the next octets of a connection: the message that it
// is of, the names to record when the MTA accepts it, and until when the record counts. The caller calls the returned
// function once it has recorded the copy, or knows that it was not sent, and before it takes the MTA's answer out of
// the socket.
func (w *Witness) Watch(conn *net.TCPConn, octets int, message string, copies []string, expires time.Time) (forget func()) {
	before, err := writtenTo(conn)
	if err != nil {
		return func() {} // the connection is closed, and the final dot will fail
	}
	return w.entrust(&trust{record{message, copies, expires}, before + uint64(octets), conn})
}

// Remember tells the witness of records that are about to be deleted, since the message is done with. If this process dies
// before it calls the returned function, they are made again.
func (w *Witness) Remember(message string, copies []string, expires time.Time) (forget func()) {
	return w.entrust(&trust{record: record{message, copies, expires}})
}

func (w *Witness) entrust(t *trust) (forget func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last++
	number := w.last
	w.trusts[number] = t
	if w.line != nil {
		w.line.try(w.line.tell(number, t))
	}
	return func() { w.forget(number) }
}

func (w *Witness) forget(number uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.trusts, number)
	if w.line != nil {
		w.line.try(w.line.send(packet{Kind: forget, Number: number}, none))
	}
}

// try ends a witness that could not be told something: what it believes may be wrong from now on.
func (l *line) try(err error) {
	if err != nil {
		l.process.Kill() // it may have ended already
	}
}

func (l *line) send(p packet, descriptor int) error {
	if err := l.conn.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return err
	}
	return send(l.conn, p, descriptor)
}

// tell tells a witness of one trust.
func (l *line) tell(number uint64, t *trust) error {
	rest := t.record
	for len(rest.Copies) > maxNames {
		some := record{Copies: rest.Copies[:maxNames]}
		if err := l.send(packet{Kind: part, Number: number, Record: some}, none); err != nil {
			return err
		}
		rest.Copies = rest.Copies[maxNames:]
	}
	if t.conn == nil {
		return l.send(packet{Kind: remember, Number: number, Record: rest}, none)
	}
	raw, err := t.conn.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = raw.Control(func(descriptor uintptr) {
		sent = l.send(packet{Kind: watch, Number: number, Record: rest, Octets: t.octets}, int(descriptor))
	})
	return errors.Join(err, sent)
}

// writtenTo returns how many octets were written to a connection.
func writtenTo(conn *net.TCPConn) (n uint64, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	controlled := raw.Control(func(descriptor uintptr) { n, err = written(int(descriptor)) })
	return n, errors.Join(controlled, err)
}
