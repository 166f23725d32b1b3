package milter_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sealmilter/internal/mail"
	"sealmilter/milter"
)

// What Postfix and sendmail offer.
const (
	version = 6
	actions = 0x1ff
	steps   = 0x1fffff
	// answered are the steps of an MTA that wants every answer.
	answered = steps &^ 0xc2380
)

// handler is a Handler made of functions; a missing one says yes.
type handler struct {
	rcpt    func(context.Context, *mail.Envelope, mail.Recipient) error
	message func(context.Context, *mail.Message) (*mail.Edit, error)
}

func (h handler) Rcpt(ctx context.Context, env *mail.Envelope, to mail.Recipient) error {
	if h.rcpt == nil {
		return nil
	}
	return h.rcpt(ctx, env, to)
}

func (h handler) Message(ctx context.Context, m *mail.Message) (*mail.Edit, error) {
	if h.message == nil {
		return nil, nil
	}
	return h.message(ctx, m)
}

// always begins every message with the same handler.
func always(h milter.Handler) func(context.Context, *mail.Envelope) (milter.Handler, error) {
	return func(context.Context, *mail.Envelope) (milter.Handler, error) { return h, nil }
}

// edits begins every message with a handler that answers with the edit.
func edits(e *mail.Edit) func(context.Context, *mail.Envelope) (milter.Handler, error) {
	return always(handler{message: func(context.Context, *mail.Message) (*mail.Edit, error) { return e, nil }})
}

// slow is a handler that takes its time for everything. It is for tests with a false clock.
type slow struct{ time.Duration }

func (s slow) Rcpt(ctx context.Context, _ *mail.Envelope, _ mail.Recipient) error {
	select {
	case <-time.After(s.Duration):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s slow) Message(ctx context.Context, m *mail.Message) (*mail.Edit, error) {
	return nil, s.Rcpt(ctx, m.Envelope, mail.Recipient{})
}

// collector keeps all messages.
type collector struct{ got []*mail.Message }

func (c *collector) begin(context.Context, *mail.Envelope) (milter.Handler, error) {
	return handler{message: func(_ context.Context, m *mail.Message) (*mail.Edit, error) {
		c.got = append(c.got, m)
		return nil, nil
	}}, nil
}

// journal is a log that can be searched while it is written.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

// serve starts the server on a unix socket and stops it when the test ends. It returns the socket's path.
func serve(t *testing.T, s *milter.Server) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := milter.Listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, s, l)
	return path
}

func serveOn(t *testing.T, s *milter.Server, l net.Listener) {
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, milter.ErrServerClosed) {
			t.Error(err)
		}
	})
}

// mta is the other side of the wire, frame by frame.
type mta struct {
	*testing.T
	net.Conn
	agreed uint32 // the steps
}

// Events that are not sent, and those that are not answered, by the steps agreed on.
var (
	unsent     = map[byte]uint32{'T': 0x200, 'U': 0x100}
	unanswered = map[byte]uint32{'L': 0x80, 'H': 0x2000, 'N': 0x40000, 'B': 0x80000}
)

func dial(t *testing.T, path string) *mta {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &mta{T: t, Conn: c}
}

// connect opens a session up to HELO.
func connect(t *testing.T, path string) *mta {
	t.Helper()
	return connectWith(t, path, steps)
}

// connectWith does the same with an MTA that offers those steps.
func connectWith(t *testing.T, path string, offer uint32) *mta {
	t.Helper()
	m := dial(t, path)
	if answer := m.negotiate(version, actions, offer); answer == "" || answer[0] != 'O' {
		t.Fatalf("negotiation: %q", answer)
	}
	m.macros('C', "v", "Postfix 3.7.11", "{daemon_name}", "mx")
	m.want("c", 'C', "client.example\x004\x00\x19192.0.2.7")
	m.want("c", 'H', "client.example")
	return m
}

func (m *mta) negotiate(version, actions, steps uint32) string {
	data := binary.BigEndian.AppendUint32(nil, version)
	data = binary.BigEndian.AppendUint32(data, actions)
	data = binary.BigEndian.AppendUint32(data, steps)
	m.send(rawFrame('O', string(data)))
	answer := m.receive()
	m.agreed = stepsOf(answer)
	return answer
}

// stepsOf returns the steps in the answer to an offer.
func stepsOf(answer string) uint32 {
	if len(answer) < 13 {
		return 0
	}
	return binary.BigEndian.Uint32([]byte(answer[9:]))
}

func rawFrame(code byte, data string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(1+len(data)))
	return append(append(b, code), data...)
}

func (m *mta) send(b []byte) {
	m.Helper()
	if _, err := m.Write(b); err != nil {
		m.Error(err)
	}
}

// say sends an event whose arguments are strings ended by NUL.
func (m *mta) say(code byte, args ...string) {
	m.Helper()
	data := ""
	for _, arg := range args {
		data += arg + "\x00"
	}
	m.send(rawFrame(code, data))
}

func (m *mta) macros(event byte, pairs ...string) {
	m.Helper()
	m.say('D', append([]string{string(event) + pairs[0]}, pairs[1:]...)...)
}

// receive returns code and data of the next frame, "" at the end of the connection.
func (m *mta) receive() string {
	m.Helper()
	var length [4]byte
	if _, err := io.ReadFull(m, length[:]); err != nil {
		return ""
	}
	b := make([]byte, binary.BigEndian.Uint32(length[:]))
	if _, err := io.ReadFull(m, b); err != nil {
		m.Error(err)
	}
	return string(b)
}

// answer returns the answer to an event that has been sent: "c" if none is due.
func (m *mta) answer(code byte) string {
	m.Helper()
	if m.agreed&unanswered[code] != 0 {
		return "c"
	}
	return m.receive()
}

// want sends an event and checks the answer, of which it wants the beginning.
func (m *mta) want(answer string, code byte, args ...string) {
	m.Helper()
	if m.agreed&unsent[code] != 0 {
		return
	}
	m.say(code, args...)
	if got := m.answer(code); !strings.HasPrefix(got, answer) || answer == "" && got != "" {
		m.Errorf("%c %.60q was answered with %.200q, want %q", code, args, got, answer)
	}
}

func (m *mta) envelope(recipients ...string) {
	m.Helper()
	m.want("c", 'M', "<alice@example.org>")
	for _, to := range recipients {
		m.want("c", 'R', to)
	}
	m.want("c", 'T')
}

// content sends header and body, each "Name: value" a field.
func (m *mta) content(header []string, body ...string) {
	m.Helper()
	for _, field := range header {
		name, value, _ := strings.Cut(field, ":")
		m.want("c", 'L', name, value)
	}
	m.want("c", 'N')
	for _, chunk := range body {
		m.send(rawFrame('B', chunk))
		if got := m.answer('B'); got != "c" {
			m.Errorf("a body chunk was answered with %q", got)
		}
	}
}

// finish sends the end of message and returns all that comes back; the last is the answer.
func (m *mta) finish() []string {
	m.Helper()
	m.say('E')
	var all []string
	for {
		got := m.receive()
		if got == "p" {
			continue
		}
		all = append(all, got)
		if got == "" || !strings.Contains("bhmi+-qe", got[:1]) {
			return all
		}
	}
}

// deliver sends one small message as a whole and returns what finish returns.
func (m *mta) deliver(recipients ...string) []string {
	m.Helper()
	m.envelope(recipients...)
	m.content([]string{"From: alice@example.org", "Subject: secret"}, "secret text\r\n")
	return m.finish()
}

// gone checks that the server has closed the connection.
func (m *mta) gone() {
	m.Helper()
	if got := m.receive(); got != "" {
		m.Errorf("the connection goes on with %q", got)
	}
}
