package witness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// book is a ledger in memory, and the claims beside it.
type book struct {
	mu    sync.Mutex
	fails int // the next calls that do
	// entries are what was recorded and flushed, a line each, and unflushed what only was recorded.
	entries, unflushed []string
	// held are the messages that are held, as often as that has changed.
	held []string
	// taken says that another host has the messages.
	taken bool
}

var errBusy = errors.New("the ledger is busy")

func (b *book) failing() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fails > 0 {
		b.fails--
		return errBusy
	}
	return nil
}

func (b *book) RecordSent(_ context.Context, message string, copies []string, expires time.Time) error {
	if err := b.failing(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unflushed = append(b.unflushed, fmt.Sprintf("%s %v %d", message, copies, expires.Unix()))
	return nil
}

func (b *book) Flush(context.Context) error {
	if err := b.failing(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries, b.unflushed = append(b.entries, b.unflushed...), nil
	return nil
}

func (b *book) KeepClaim(context.Context, string) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.taken, nil
}

func (b *book) Close() error { return nil }

// hold notes what was on record when a message was given free.
func (b *book) hold(_ *os.File, messages []string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	slices.Sort(messages)
	b.held = append(b.held, fmt.Sprintf("%v with %d on record", messages, len(b.entries)))
	return nil
}

// immediately has no time pass but that of longer waits, which do not end.
func immediately(ctx context.Context, d time.Duration) error {
	if d >= renewPause {
		<-ctx.Done()
	}
	return ctx.Err()
}

// attendance is a witness that runs in this process.
type attendance struct {
	conn  *os.File
	ended chan struct{}
	err   error // set before ended is closed
}

func (a *attendance) Kill() error { return unix.Shutdown(int(a.conn.Fd()), unix.SHUT_RDWR) }

func (a *attendance) Wait() error {
	<-a.ended
	return a.err
}

// scene is a milter with its witness.
type scene struct {
	*Witness
	book     *book
	note     string           // as the witness has got it
	attended chan *attendance // one for each start
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{book: &book{}, attended: make(chan *attendance, 10)}
	discard := slog.New(slog.DiscardHandler)
	claims, err := os.CreateTemp(t.TempDir(), "claims")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { claims.Close() })
	s.Witness = Start(Options{
		Claims: claims, Note: []byte("the note"), Log: discard, Wait: immediately,
		Spawn: func(conn, claims *os.File) (Process, error) {
			var own [3]*os.File
			for i, f := range []*os.File{conn, claims, conn} {
				descriptor, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
				if err != nil {
					return nil, err
				}
				own[i] = os.NewFile(uintptr(descriptor), f.Name())
			}
			a := &attendance{conn: own[2], ended: make(chan struct{})}
			s.attended <- a
			go func() {
				defer close(a.ended)
				a.err = Attend(context.Background(), own[0], own[1], Duty{
					Open: func(_ context.Context, note []byte) (Ledger, error) {
						if err := s.book.failing(); err != nil {
							return nil, err
						}
						s.note = string(note)
						return s.book, nil
					},
					Hold: s.book.hold, Log: discard, Wait: immediately,
				})
			}()
			return a, nil
		},
	})
	return s
}

// die ends the milter as kill -9 does, as far as the witness can see. What it returns ends when the witness has.
func (s *scene) die() <-chan struct{} {
	s.end() // a dead milter starts nothing
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line.conn.Close()
	return s.ended
}

// connection is one to an MTA, and the MTA's end.
func connection(t *testing.T) (milter, mta *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	other, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); other.Close() })
	return conn.(*net.TCPConn), other.(*net.TCPConn)
}

func say(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

var until = time.Unix(2_000_000_000, 0)

// lines returns the line to the witness that runs now.
func (s *scene) lines() *line {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.line
}
