package gate_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
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

// TestLogNamesTheLogin has a decision name who is answerable for it.
func TestLogNamesTheLogin(t *testing.T) {
	w := newWorld(t)
	m := message(t, "alice@example.org")
	m.Envelope.User = "nobody"
	if _, err := w.submit(t, m, nil, "carol@example.com"); err != nil {
		t.Fatal(err)
	}
	if log := w.log.String(); !strings.Contains(log, "login=alice@example.org") || strings.Contains(log, "user=") {
		t.Errorf("the log says %s", log)
	}
}

// TestRcptRefusalIsExplained has the log say why a recipient was refused, and the client's answer not.
func TestRcptRefusalIsExplained(t *testing.T) {
	w := newWorld(t)
	w.answers["bob@example.net"] = keys.Answer{SeenBefore: true, Why: "the disk is full"}
	_, err := w.submit(t, message(t, "alice@example.org"), nil, "bob@example.net")
	if code(err) != 451 || strings.Contains(mail.AsFailure(err).Text, "disk") {
		t.Errorf("the client is told %v", err)
	}
	if !strings.Contains(w.log.String(), `why="the disk is full"`) {
		t.Errorf("the log says %s", w.log.String())
	}
}

func TestKeyLostBetweenRcptAndEnd(t *testing.T) {
	for _, tc := range []struct {
		mode config.Mode
		lost keys.Status
		want int
	}{
		{config.Prefer, keys.None, 451},
		{config.Prefer, keys.Unknown, 451},
		{config.Require, keys.None, 550},
		{config.Require, keys.Unknown, 451},
	} {
		w := newWorld(t)
		w.Config.Policy.Mode = tc.mode
		lose := func() { w.answers["bob@example.net"] = keys.Answer{Status: tc.lost, Why: "it is gone"} }
		edit, err := w.submit(t, message(t, "alice@example.org"), lose, "bob@example.net", "dave@example.net")
		if code(err) != tc.want || edit != nil || len(w.queue) != 0 {
			t.Errorf("%s, key then %s: %v, edit %v, %d queued; want %d and nothing", tc.mode, tc.lost, err, edit, len(w.queue), tc.want)
		}
	}
}

func TestMissingSenderKey(t *testing.T) {
	for _, tc := range []struct {
		choice      config.MissingKey
		to          string
		want        int
		signErr     error
		description string
	}{
		{config.RejectSender, "bob@example.net", 550, nil, "reject"},
		{config.GenerateKey, "bob@example.net", 250, nil, "generate"},
		{config.GenerateKey, "erin@example.com", 250, nil, "generate, clear"},
		{config.EncryptOnly, "bob@example.net", 250, nil, "encrypt-only"},
		{config.EncryptOnly, "erin@example.com", 550, nil, "encrypt-only, no key"},
		{"", "bob@example.net", 550, nil, "no choice"},
		{config.EncryptOnly, "bob@example.net", 451, errors.New("wrong passphrase"), "broken key"},
		{config.GenerateKey, "erin@example.com", 451, errors.New("wrong passphrase"), "broken key, clear"},
	} {
		w := newWorld(t)
		w.Config.Senders.MissingKey, w.signErr = tc.choice, tc.signErr
		edit, err := w.submit(t, message(t, "new@example.org"), nil, tc.to)
		if code(err) != tc.want || (edit != nil) != (tc.want == 250) {
			t.Errorf("%s: %v, edit %v, want %d", tc.description, err, edit, tc.want)
		}
		if strings.Contains(w.log.String(), "secret text") || strings.Contains(w.log.String(), "secret subject") {
			t.Errorf("%s: content in the log: %s", tc.description, w.log.String())
		}
	}
}

// TestFailureOfOneCopy lets the MTA refuse each copy in turn. No edit lets the message pass after a temporary failure,
// and the second try sends nothing twice.
func TestFailureOfOneCopy(t *testing.T) {
	all := []string{"bob@example.net", "dave@example.net", "erin@example.com", "frank@example.com"}
	for _, bad := range all {
		w := newWorld(t)
		w.refuse[bad] = &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "later"}
		edit, err := w.submit(t, message(t, "alice@example.org"), nil, all...)
		if bad == "bob@example.net" { // the message itself becomes bob's copy
			if err != nil || len(edit.Delete) != 3 {
				t.Errorf("%v, %+v", err, edit)
			}
			continue
		}
		if code(err)/100 != 4 || edit != nil {
			t.Errorf("%s fails: %v, edit %v", bad, err, edit)
		}
		delete(w.refuse, bad)
		edit, err = w.submit(t, message(t, "alice@example.org"), nil, all...)
		if err != nil || edit == nil || edit.Discard {
			t.Fatalf("%s, second try: %v, %+v", bad, err, edit)
		}
		got := map[string]int{}
		for _, d := range w.queue {
			got[d.to]++
		}
		for _, to := range all[1:] {
			if got[to] != 1 {
				t.Errorf("%s fails: %s got %d copies", bad, to, got[to])
			}
		}
		if strings.Contains(text(t, edit), secretText) {
			t.Errorf("%s fails: clear text in place", bad)
		}
	}
}

func TestLatePermanentRefusalIsTold(t *testing.T) {
	w := newWorld(t)
	w.refuse["frank@example.com"] = &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "never"}
	edit, err := w.submit(t, message(t, "alice@example.org"), nil, "bob@example.net", "erin@example.com", "frank@example.com")
	if err != nil || edit == nil {
		t.Fatalf("%v, %v", err, edit)
	}
	if len(w.queue) != 2 || w.queue[1].to != "alice@example.org" || w.queue[1].from != "" {
		t.Fatalf("queue %+v", w.queue)
	}
	notice := w.queue[1].text
	for _, want := range []string{"multipart/report", "Final-Recipient: rfc822; frank@example.com", "Status: 5.7.1", "Auto-Submitted: auto-replied"} {
		if !strings.Contains(notice, want) {
			t.Errorf("the notice lacks %q:\n%s", want, notice)
		}
	}
	if strings.Contains(notice, "secret") {
		t.Errorf("the notice quotes the message:\n%s", notice)
	}
}

func TestFirstPermanentRefusalSendsNothing(t *testing.T) {
	w := newWorld(t)
	w.refuse["erin@example.com"] = &smtp.SMTPError{Code: 552, EnhancedCode: smtp.EnhancedCode{5, 3, 4}, Message: "too large"}
	edit, err := w.submit(t, message(t, "alice@example.org"), nil, "bob@example.net", "erin@example.com")
	if code(err) != 552 || edit != nil || len(w.queue) != 0 {
		t.Errorf("%v, %v, %+v", err, edit, w.queue)
	}
}

// TestRetryOfAllSent discards a message whose copies have all been sent, rather than sending one twice.
func TestRetryOfAllSent(t *testing.T) {
	w := newWorld(t)
	if _, err := w.submit(t, message(t, "alice@example.org"), nil, "bob@example.net", "erin@example.com"); err != nil {
		t.Fatal(err)
	}
	edit, err := w.submit(t, message(t, "alice@example.org"), nil, "erin@example.com")
	if err != nil || !edit.Discard {
		t.Errorf("%v, %+v", err, edit)
	}
}

// TestSeveralSpellings has one mailbox in spellings that Postfix takes for one when it deletes, and for several when it
// delivers.
func TestSeveralSpellings(t *testing.T) {
	for _, to := range [][]string{
		{"bob@example.net", `"bob"@example.net`},
		{`"bob"@example.net`, "bob@EXAMPLE.net", "erin@example.com"},
	} {
		w := newWorld(t)
		edit, err := w.submit(t, message(t, "alice@example.org"), nil, to...)
		if err != nil || len(w.queue) != 1 || w.queue[0].to != "bob@example.net" {
			t.Fatalf("%q: %v, queue %+v", to, err, w.queue)
		}
		if len(to) == 2 && !edit.Discard || len(to) == 3 && (edit.Discard || len(edit.Delete) != 2) {
			t.Errorf("%q: %+v", to, edit)
		}
	}
}

// TestTooLargeInPlace has a copy that would fit, and the message itself would not once it is encrypted.
func TestTooLargeInPlace(t *testing.T) {
	w := newWorld(t, func(s *smtp.Server) { s.MaxMessageBytes = 1000 })
	pattern, err := mail.ParsePattern("frank@example.com")
	if err != nil {
		t.Fatal(err)
	}
	w.Config.Policy.Rules = []config.Rule{{To: []mail.Pattern{pattern}, Mode: config.Pass}}
	edit, err := w.submit(t, message(t, "alice@example.org"), nil, "bob@example.net", "frank@example.com")
	if code(err) != 552 || edit != nil || len(w.queue) != 0 {
		t.Errorf("%v, %v, queue %+v", err, edit, w.queue)
	}
}
