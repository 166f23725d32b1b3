package witness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
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

// TestMilterDies ends the milter at each step of a copy.
func TestMilterDies(t *testing.T) {
	const recorded = "m [bob] 2000000000"
	for _, tc := range []struct {
		name string
		// watched copies are told of, and the dot is a part of what is written then.
		watched bool
		dot     string
		// before and after are what the MTA says before the milter dies and after it.
		before, after string
		// noted has the milter record the copy itself, and forgotten tell the witness so.
		noted, forgotten bool
		want             []string
	}{
		{name: "before the witness is told"},
		{name: "before the final dot", watched: true},
		{name: "in the middle of the final dot", watched: true, dot: "tail\r\n."},
		{name: "an octet before its end", watched: true, dot: "tail\r\n.\r", before: "250 2.0.0 Ok\r\n"},
		{name: "before the answer", watched: true, dot: "tail\r\n.\r\n", after: "250 2.0.0 Ok\r\n", want: []string{recorded}},
		{name: "before a long answer", watched: true, dot: "tail\r\n.\r\n", before: "250-2.0.0 O", after: "k\r\n250 2.0.0 queued\r\n", want: []string{recorded}},
		{name: "with the answer there", watched: true, dot: "tail\r\n.\r\n", before: "250 2.0.0 Ok\r\n", want: []string{recorded}},
		{name: "before a farewell", watched: true, dot: "tail\r\n.\r\n", after: "250 2.0.0 Ok\r\n421 4.3.2 bye\r\n", want: []string{recorded}},
		{name: "before a refusal", watched: true, dot: "tail\r\n.\r\n", after: "451 4.3.0 later\r\n"},
		{name: "before a final refusal", watched: true, dot: "tail\r\n.\r\n", after: "554 5.6.0 never\r\n"},
		{name: "before a closing", watched: true, dot: "tail\r\n.\r\n", after: "421 4.3.2 bye\r\n"},
		{name: "before nonsense", watched: true, dot: "tail\r\n.\r\n", after: "Ok\r\n"},
		{name: "before a code that is none", watched: true, dot: "tail\r\n.\r\n", after: "2500 2.0.0 Ok\r\n"},
		{name: "before a hang-up", watched: true, dot: "tail\r\n.\r\n"},
		{name: "before half of an answer", watched: true, dot: "tail\r\n.\r\n", after: "250 2.0.0 O"},
		{name: "recorded but not told", watched: true, dot: "tail\r\n.\r\n", before: "250 2.0.0 Ok\r\n", noted: true, want: []string{recorded, recorded}},
		{name: "told", watched: true, dot: "tail\r\n.\r\n", before: "250 2.0.0 Ok\r\n", noted: true, forgotten: true, want: []string{recorded}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newScene(t)
			conn, mta := connection(t)
			say(t, conn, "the text\r\n")
			var forget func()
			if tc.watched {
				forget = s.Watch(conn, len("tail\r\n.\r\n"), "m", []string{"bob"}, until)
			}
			say(t, conn, tc.dot)
			say(t, mta, tc.before)
			if tc.noted {
				s.book.RecordSent(t.Context(), "m", []string{"bob"}, until)
				s.book.Flush(t.Context())
			}
			if tc.forgotten {
				forget()
			}
			ended := s.die()
			conn.Close()
			if tc.after != "" {
				say(t, mta, tc.after)
			}
			mta.CloseWrite()
			<-ended
			if !slices.Equal(s.book.entries, tc.want) {
				t.Errorf("on record are %q, want %q", s.book.entries, tc.want)
			}
			if got, err := io.ReadAll(mta); err != nil && !errors.Is(err, unix.ECONNRESET) || string(got) != "the text\r\n"+tc.dot {
				t.Errorf("the MTA has got %q, %v", got, err)
			}
		})
	}
}

// TestFreedWhenRecorded has two copies on their way. Each message is given free when its copy is on record, and not before;
// those that are not on their way are free at once.
func TestFreedWhenRecorded(t *testing.T) {
	s := newScene(t)
	var mtas []*net.TCPConn
	for _, m := range []string{"first", "second", "unsent"} {
		conn, mta := connection(t)
		s.Watch(conn, 3, m, []string{"bob"}, until)
		if m != "unsent" {
			say(t, conn, ".\r\n")
		}
		mtas = append(mtas, mta)
	}
	ended := s.die()
	held := func() []string {
		s.book.mu.Lock()
		defer s.book.mu.Unlock()
		return slices.Clone(s.book.held)
	}
	say(t, mtas[0], "250 2.0.0 Ok\r\n")
	for len(held()) < 2 {
		runtime.Gosched()
	}
	say(t, mtas[1], "250 2.0.0 Ok\r\n")
	<-ended
	want := []string{"[first second] with 0 on record", "[second] with 1 on record", "[] with 2 on record"}
	if got := held(); !slices.Equal(got, want) {
		t.Errorf("held were %q, want %q", got, want)
	}
	if s.note != "the note" {
		t.Errorf("the note is %q", s.note)
	}
}

// TestDeletedRecords has the milter die when it has deleted the records of a message: before its client is being told, they
// are made again, and with that the message is claimed that the milter had given free.
func TestDeletedRecords(t *testing.T) {
	for _, told := range []bool{false, true} {
		s := newScene(t)
		forget := s.Remember("m", []string{"bob", "dave"}, until)
		var want, held []string
		if told {
			forget()
		} else {
			want = []string{"m [bob dave] 2000000000"}
			held = []string{"[m] with 0 on record", "[] with 1 on record"}
		}
		<-s.die()
		if !slices.Equal(s.book.entries, want) || !slices.Equal(s.book.held, held) {
			t.Errorf("told %t: on record are %q, held were %q", told, s.book.entries, s.book.held)
		}
	}
}

// TestBusyLedger has the ledger refuse to be opened, to record and to flush.
func TestBusyLedger(t *testing.T) {
	s := newScene(t)
	s.book.mu.Lock()
	s.book.fails = 5
	s.book.mu.Unlock()
	conn, mta := connection(t)
	s.Watch(conn, 3, "m", []string{"bob"}, until)
	say(t, conn, ".\r\n")
	say(t, mta, "250 2.0.0 Ok\r\n")
	<-s.die()
	if len(s.book.entries) != 1 || s.book.fails != 0 {
		t.Errorf("on record are %q, %d failures are left", s.book.entries, s.book.fails)
	}
}

// TestTakenOver has another host take over a message before the answer comes. It has sent the copy once more, and what it has
// written down since is not to be changed.
func TestTakenOver(t *testing.T) {
	s := newScene(t)
	conn, mta := connection(t)
	s.Watch(conn, 3, "m", []string{"bob"}, until)
	say(t, conn, ".\r\n")
	s.book.mu.Lock()
	s.book.taken = true
	s.book.mu.Unlock()
	ended := s.die()
	say(t, mta, "250 2.0.0 Ok\r\n")
	<-ended
	if a := <-s.attended; len(s.book.entries) != 0 || !errors.Is(a.err, errTaken) {
		t.Errorf("%v, on record are %q", a.err, s.book.entries)
	}
}

// TestManyNames has more to record for one copy than a packet holds.
func TestManyNames(t *testing.T) {
	s := newScene(t)
	conn, mta := connection(t)
	names := make([]string, 10_001)
	for i := range names {
		names[i] = fmt.Sprintf("%064d", i)
	}
	s.Watch(conn, 3, "m", names, until)
	say(t, conn, ".\r\n")
	say(t, mta, "250 2.0.0 Ok\r\n")
	<-s.die()
	if want := fmt.Sprintf("m %v %d", names, until.Unix()); !slices.Equal(s.book.entries, []string{want}) {
		t.Errorf("on record are %d entries", len(s.book.entries))
	}
}

// TestNextWitness has the witness end while a copy is on its way: the next one knows of that copy, and does not of one that is
// over.
func TestNextWitness(t *testing.T) {
	s := newScene(t)
	over, _ := connection(t)
	s.Watch(over, 3, "over", []string{"dave"}, until)()
	conn, mta := connection(t)
	s.Watch(conn, 3, "m", []string{"bob"}, until)
	say(t, conn, ".\r\n")
	first := <-s.attended
	first.Kill()
	// It takes the milter for dead. A process that is killed does not get so far.
	say(t, mta, "250 2.0.0 Ok\r\n")
	first.Wait()
	s.book.mu.Lock()
	s.book.entries = nil
	s.book.mu.Unlock()
	second := <-s.attended
	for s.lines() == nil {
		runtime.Gosched()
	}
	say(t, mta, "250 2.0.0 Ok\r\n")
	<-s.die()
	if second.err != nil || !slices.Equal(s.book.entries, []string{"m [bob] 2000000000"}) {
		t.Errorf("%v, on record are %q", second.err, s.book.entries)
	}
}

// TestClose ends a witness at once that has nothing to do, and leaves one alone that has.
func TestClose(t *testing.T) {
	s := newScene(t)
	s.Close()
	if a := <-s.attended; a.err != nil {
		t.Error(a.err)
	}
	s = newScene(t)
	conn, mta := connection(t)
	s.Watch(conn, 3, "m", []string{"bob"}, until)
	s.Close()
	say(t, conn, ".\r\n")
	ended := s.die()
	say(t, mta, "250 2.0.0 Ok\r\n")
	<-ended
	if len(s.book.entries) != 1 {
		t.Errorf("on record are %q", s.book.entries)
	}
}

// TestCannotStart has no process start at all: copies are sent without a witness.
func TestCannotStart(t *testing.T) {
	var log strings.Builder
	starts := make(chan struct{}, 3)
	w := Start(Options{
		Log:  slog.New(slog.NewTextHandler(&log, nil)),
		Wait: immediately,
		Spawn: func(_, _ *os.File) (Process, error) {
			select {
			case starts <- struct{}{}:
			default:
			}
			return nil, errors.New("no more processes")
		},
	})
	for range cap(starts) {
		<-starts
	}
	conn, _ := connection(t)
	w.Watch(conn, 3, "m", []string{"bob"}, until)()
	w.Close()
	if !strings.Contains(log.String(), "no more processes; check the limits") {
		t.Errorf("the log says\n%.500s", log.String())
	}
}

// lines returns the line to the witness that runs now.
func (s *scene) lines() *line {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.line
}
