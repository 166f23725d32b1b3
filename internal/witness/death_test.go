package witness

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

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

// TestTakenOver has another host take over a message before the answer comes. It has sent the copy once more, and what
// it has written down since is not to be changed.
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

// TestNextWitness has the witness end while a copy is on its way: the next one knows of that copy, and does not of one
// that is over.
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
	if runs, started := s.State(); !runs || started != 2 {
		t.Errorf("runs: %t, %d were started", runs, started)
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
