package gate_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/config"
	"sealmilter/internal/event"
	"sealmilter/internal/gate"
	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
	"sealmilter/internal/store"
	"sealmilter/keys"
)

// world is a gate with real keys, and an MTA that can refuse.
type world struct {
	*gate.Gate
	answers  map[string]keys.Answer
	signers  map[string]*crypto.Signer
	signErr  error
	queueing sync.Mutex // held by a session that adds to queue
	queue    []delivery
	refuse   map[string]error
	// refuseRcpt is the MTA's answer to any RCPT TO, and refuseTo that to those of some recipients.
	refuseRcpt error
	refuseTo   map[string]error
	log        bytes.Buffer
	hidden     bytes.Buffer // the same with all details, and with tokens for addresses
	// listener is the address of the MTA's loopback listener.
	listener string
}

type delivery struct{ from, to, text string }

func (w *world) Lookup(_ context.Context, addr mail.Addr) keys.Answer {
	if a, ok := w.answers[addr.Key()]; ok {
		return a
	}
	return keys.Answer{Status: keys.None, Why: "no source has a key"}
}

func (w *world) Signer(_ context.Context, addr mail.Addr) (*crypto.Signer, error) {
	if w.signErr != nil {
		return nil, w.signErr
	}
	if s := w.signers[addr.Key()]; s != nil {
		return s, nil
	}
	return nil, keys.ErrNoSecretKey
}

func (w *world) Generate(_ context.Context, addr mail.Addr, _ keys.GenerateOptions) (keys.SenderKey, error) {
	return keys.SenderKey{}, w.addSigner(addr)
}

func (w *world) addSigner(addr mail.Addr) error {
	secret, err := generate(addr)
	if err != nil {
		return err
	}
	w.signers[addr.Key()], err = secret.Signer(time.Now())
	return err
}

func generate(addr mail.Addr) (*crypto.SecretKey, error) {
	return crypto.Generate(addr, crypto.GenerateOptions{Now: time.Now(), Rand: rand.Reader})
}

func addr(t *testing.T, s string) mail.Addr {
	t.Helper()
	a, err := mail.ParsePath(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func newWorld(t *testing.T, adjust ...func(*smtp.Server)) *world {
	t.Helper()
	w := &world{answers: map[string]keys.Answer{}, signers: map[string]*crypto.Signer{}, refuse: map[string]error{}}
	ledger, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ledger.Close() })
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &queueSession{world: w}, nil }))
	for _, f := range adjust {
		f(server)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.listener = l.Addr().String()
	done := make(chan error)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		w.Outbox.Close()
		l.Close() // the server knows its listener only once it serves
		server.Close()
		<-done
	})
	c := *config.Default()
	c.Senders.Logins = map[string][]mail.Pattern{}
	w.Gate = &gate.Gate{
		Config: &c, Certificates: w, Signers: w,
		Composer: &pgpmime.Composer{Sealer: &crypto.Sealer{Now: time.Now, Rand: rand.Reader}, Rand: rand.Reader},
		Outbox:   outbox.New(l.Addr().String(), ledger, time.Now),
		Now:      time.Now, Rand: rand.Reader, Log: slog.New(slog.NewMultiHandler(slog.NewTextHandler(&w.log, nil),
			event.NewLogger(&w.hidden, event.Options{Level: slog.LevelDebug, Hide: event.NewHider(make([]byte, 32), false)}).Handler())),
	}
	t.Cleanup(func() { checkLog(t, w.hidden.String()) })
	if err := w.addSigner(addr(t, "alice@example.org")); err != nil {
		t.Fatal(err)
	}
	for _, keyed := range []string{"bob@example.net", "dave@example.net"} {
		secret, err := crypto.Generate(addr(t, keyed), crypto.GenerateOptions{Now: time.Now(), Rand: rand.Reader})
		if err != nil {
			t.Fatal(err)
		}
		w.answers[keyed] = keys.Answer{Status: keys.Found, Cert: secret.Cert(), Source: "local", SeenBefore: true}
	}
	return w
}

type queueSession struct {
	world *world
	delivery
}

func (s *queueSession) Reset()                                      { s.delivery = delivery{} }
func (s *queueSession) Logout() error                               { return nil }
func (s *queueSession) Mail(from string, _ *smtp.MailOptions) error { s.from = from; return nil }
func (s *queueSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = to
	return cmp.Or(s.world.refuseTo[to], s.world.refuseRcpt)
}
func (s *queueSession) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := s.world.refuse[s.to]; err != nil {
		return err
	}
	s.text = string(text)
	s.world.queueing.Lock()
	defer s.world.queueing.Unlock()
	s.world.queue = append(s.world.queue, s.delivery)
	return nil
}

// submit runs a whole message through the gate, as the milter does, and returns what the MTA is told and the error.
// Between the last RCPT TO and the end of message it calls meanwhile.
func (w *world) submit(t *testing.T, m *mail.Message, meanwhile func(), to ...string) (*mail.Edit, error) {
	t.Helper()
	tx, err := w.Begin(t.Context(), m.Envelope)
	if err != nil || tx == nil {
		return nil, err
	}
	for _, s := range to {
		r := mail.Recipient{Addr: addr(t, s), Raw: "<" + s + ">"}
		if err := tx.Rcpt(t.Context(), m.Envelope, r); err != nil {
			return nil, err
		}
		m.Envelope.Recipients = append(m.Envelope.Recipients, r)
	}
	if meanwhile != nil {
		meanwhile()
	}
	return tx.Message(t.Context(), m)
}

const secretText = "the secret text of this message"

func message(t *testing.T, from string) *mail.Message {
	t.Helper()
	h, body := mail.SplitMessage([]byte("From: " + from + "\nTo: bob@example.net, erin@example.com\nSubject: secret subject\nMessage-ID: <1@client.example>\n\n" + secretText + "\n"))
	return &mail.Message{Header: h, Body: bytes.ReplaceAll(body, []byte("\n"), []byte("\r\n")),
		Envelope: &mail.Envelope{Sender: addr(t, from), RawSender: "<" + from + ">", Login: from, QueueID: "4Q"}}
}

func text(t *testing.T, e *mail.Edit) string {
	t.Helper()
	var b bytes.Buffer
	b.Write(e.Header.AppendTo(nil))
	if e.Body != nil {
		if _, err := e.Body.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func code(err error) int {
	if err == nil {
		return 250
	}
	return mail.AsFailure(err).Code
}
