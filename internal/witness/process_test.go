package witness_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
	"sealmilter/internal/store"
	"sealmilter/internal/witness"
)

// postgres is the server of these tests.
var postgres labtest.PostgreSQL

// TestMain makes this program a milter, or a witness, if it was started as one.
func TestMain(m *testing.M) {
	var err error
	switch {
	case len(os.Args) == 2 && os.Args[1] == "witness":
		err = attend()
	case len(os.Args) == 2 && strings.HasPrefix(os.Args[1], "{"):
		err = sendAll(os.Args[1])
	default:
		os.Exit(postgres.Run(m))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func attend() error {
	conn, claims := witness.Inherited()
	return witness.Attend(context.Background(), conn, claims, witness.Duty{
		Open: func(ctx context.Context, note []byte) (witness.Ledger, error) {
			var w world
			if err := json.Unmarshal(note, &w); err != nil {
				return nil, err
			}
			return w.open(ctx)
		},
		Hold: store.HoldClaims, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Wait: wait,
	})
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// world is what a milter needs.
type world struct{ Database, State, MTA, Header string }

func (w world) open(ctx context.Context) (*store.Store, error) {
	return store.OpenWithState(ctx, w.Database, w.State)
}

func (w world) message() *mail.Message {
	sender, _ := mail.ParseAddr("alice@example.org")
	h, body := mail.SplitMessage([]byte(w.Header + "\r\n\r\nbody\r\n"))
	return &mail.Message{Envelope: &mail.Envelope{Sender: sender, Login: "alice"}, Header: h, Body: body}
}

func to(addr string) mail.Recipient {
	a, _ := mail.ParseAddr(addr)
	return mail.Recipient{Addr: a, Raw: "<" + addr + ">"}
}

func copyTo(addr string, octets int) outbox.Copy {
	line := strings.Repeat("x", 70) + "\r\n"
	return outbox.Copy{To: to(addr), Header: mail.Header{{Name: "Subject", Value: " x"}}, Body: bytes.NewBufferString(strings.Repeat(line, octets/len(line)+1))}
}

// sendAll is the milter: it sends two copies, finishes the message, and waits to be killed.
func sendAll(text string) error {
	var w world
	if err := json.Unmarshal([]byte(text), &w); err != nil {
		return err
	}
	ctx := context.Background()
	s, err := w.open(ctx)
	if err != nil {
		return err
	}
	o, _, err := w.outbox(s)
	if err != nil {
		return err
	}
	m := w.message()
	a, err := o.Begin(ctx, outbox.Identify(m))
	if err != nil {
		return err
	}
	for _, addr := range []string{"bob@example.net", "dave@example.net"} {
		if err := a.Send(ctx, m.Envelope, copyTo(addr, 100)); err != nil {
			return err
		}
	}
	if err := a.Finish(ctx); err != nil {
		return err
	}
	a.End()
	fmt.Println("finished")
	select {}
}

// outbox returns one with a witness of its own process.
func (w world) outbox(s *store.Store) (*outbox.Outbox, *witness.Witness, error) {
	claims, err := s.ClaimsFile()
	if err != nil {
		return nil, nil, err
	}
	note, err := json.Marshal(w)
	if err != nil {
		return nil, nil, err
	}
	standby := witness.Start(witness.Options{Claims: claims, Note: note, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), Wait: wait,
		Spawn: witness.Spawner("witness")})
	o := outbox.New(w.MTA, s, time.Now)
	o.Witness = standby
	return o, standby, nil
}

// mta is a listener that asks before it says yes to a final dot.
type mta struct {
	addr string
	dots chan chan string // one for each final dot, for the answer
}

func newMTA(t testing.TB) *mta {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	m := &mta{addr: l.Addr().String(), dots: make(chan chan string, 1)}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go m.converse(conn)
		}
	}()
	return m
}

func (m *mta) converse(conn net.Conn) {
	defer conn.Close()
	say := func(text string) { io.WriteString(conn, text+"\r\n") }
	say("220 queue.example")
	text := false
	for in := bufio.NewReader(conn); ; {
		line, err := in.ReadString('\n')
		switch {
		case err != nil:
			return
		case text && line == ".\r\n":
			text = false
			answer := make(chan string)
			m.dots <- answer
			say(<-answer)
		case text:
		case line == "DATA\r\n":
			text = true
			say("354 go on")
		case line == "QUIT\r\n":
			say("221 bye")
			return
		default:
			say("250 2.0.0 Ok")
		}
	}
}

// TestKill kills a milter (SIGKILL) at several points. The message stays claimed until its witness has ended, and what was
// accepted is on record then.
func TestKill(t *testing.T) {
	for _, tc := range []struct {
		name, header string
		// dots are the answers to final dots. The milter is killed before the last one, or when it has finished.
		dots     []string
		finished bool
		want     string
	}{
		{"first copy accepted", "Message-ID: <1@x>", []string{"250 2.0.0 Ok"}, false, "[bob@example.net]"},
		{"first copy refused", "Message-ID: <1@x>", []string{"451 4.3.0 later"}, false, "[]"},
		{"second copy accepted", "Subject: x", []string{"250 2.0.0 Ok", "250 2.0.0 Ok"}, false, "[bob@example.net dave@example.net]"},
		{"second copy refused", "Message-ID: <1@x>", []string{"250 2.0.0 Ok", "550 5.0.0 never"}, false, "[bob@example.net]"},
		{"finished and not answered", "Subject: x", []string{"250 2.0.0 Ok", "250 2.0.0 Ok"}, true, "[bob@example.net dave@example.net]"},
	} {
		t.Run(tc.name+"/sqlite", func(t *testing.T) {
			killed(t, filepath.Join(t.TempDir(), "ledger.db"), tc.header, tc.dots, tc.finished, tc.want)
		})
		t.Run(tc.name+"/postgresql", func(t *testing.T) {
			killed(t, postgres.NewDatabase(t), tc.header, tc.dots, tc.finished, tc.want)
		})
	}
}

func killed(t *testing.T, database, header string, dots []string, finished bool, want string) {
	w := world{Database: database, State: t.TempDir(), MTA: "", Header: header}
	m := newMTA(t)
	w.MTA = m.addr
	if err := os.Chmod(w.State, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := w.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	text, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	milter := exec.CommandContext(t.Context(), program, string(text))
	out, err := milter.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	// The witness has it as well: at its end, both have ended.
	log, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	milter.Stderr = theirs
	if err := milter.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	var last chan string
	for i, answer := range dots {
		select {
		case last = <-m.dots:
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
		if i < len(dots)-1 || finished {
			last <- answer
		}
	}
	if finished {
		if line, err := bufio.NewReader(out).ReadString('\n'); line != "finished\n" {
			t.Fatal(line, err)
		}
	}
	if err := milter.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	milter.Wait()
	o := outbox.New(m.addr, s, time.Now)
	identity := outbox.Identify(w.message())
	if !finished {
		if _, err := o.Begin(t.Context(), identity); err != outbox.ErrBusy {
			t.Errorf("while the answer is to come, another try begins: %v", err)
		}
		last <- dots[len(dots)-1]
	}
	said, err := io.ReadAll(log)
	if err != nil {
		t.Fatal(err)
	}
	a, err := o.Begin(t.Context(), identity)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	defer a.End()
	sent := []string{}
	for _, addr := range []string{"bob@example.net", "dave@example.net"} {
		if a.Sent(to(addr)) {
			sent = append(sent, addr)
		}
	}
	if fmt.Sprint(sent) != want {
		t.Errorf("on record are %v, want %s\n%s", sent, want, said)
	}
}

// BenchmarkCopies sends messages of 100 copies of 10 KB each, with a witness and without one.
func BenchmarkCopies(b *testing.B) {
	for _, with := range []bool{false, true} {
		b.Run(fmt.Sprintf("witness=%t", with), func(b *testing.B) {
			m := newMTA(b)
			go func() {
				for answer := range m.dots {
					answer <- "250 2.0.0 Ok"
				}
			}()
			w := world{Database: filepath.Join(b.TempDir(), "ledger.db"), MTA: m.addr}
			s, err := w.open(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			o := outbox.New(m.addr, s, time.Now)
			if with {
				watched, standby, err := w.outbox(s)
				if err != nil {
					b.Fatal(err)
				}
				defer standby.Close()
				o = watched
			}
			for n := 0; b.Loop(); n++ {
				w.Header = fmt.Sprintf("Message-ID: <%d@x>", n)
				msg := w.message()
				a, err := o.Begin(b.Context(), outbox.Identify(msg))
				if err != nil {
					b.Fatal(err)
				}
				for i := range 100 {
					if err := a.Send(b.Context(), msg.Envelope, copyTo(fmt.Sprintf("r%d@example.net", i), 10_000)); err != nil {
						b.Fatal(err)
					}
				}
				if err := a.Finish(b.Context()); err != nil {
					b.Fatal(err)
				}
				a.End()
			}
		})
	}
}
