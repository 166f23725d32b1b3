package outbox_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
)

// queue is the MTA's loopback listener.
type queue struct {
	addr string
	got  []delivery
	fail map[string]*smtp.SMTPError // by recipient, after DATA
}

type delivery struct {
	from, to, text string
	mail           smtp.MailOptions
	rcpt           smtp.RcptOptions
}

func newQueue(t *testing.T, adjust func(*smtp.Server)) *queue {
	t.Helper()
	q := &queue{fail: map[string]*smtp.SMTPError{}}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &queueSession{queue: q}, nil }))
	server.EnableDSN, server.EnableSMTPUTF8 = true, true
	if adjust != nil {
		adjust(server)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	q.addr = l.Addr().String()
	done := make(chan error)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		l.Close() // the server knows its listener only once it serves
		server.Close()
		<-done
	})
	return q
}

type queueSession struct {
	queue *queue
	delivery
}

func (s *queueSession) Reset()        { s.delivery = delivery{} }
func (s *queueSession) Logout() error { return nil }
func (s *queueSession) Mail(from string, o *smtp.MailOptions) error {
	s.from, s.mail = from, *o
	return nil
}
func (s *queueSession) Rcpt(to string, o *smtp.RcptOptions) error {
	s.to, s.rcpt = to, *o
	return nil
}
func (s *queueSession) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if failure := s.queue.fail[s.to]; failure != nil {
		return failure
	}
	s.text = string(text)
	s.queue.got = append(s.queue.got, s.delivery)
	return nil
}

func recipient(t *testing.T, addr string, args ...string) mail.Recipient {
	t.Helper()
	a, err := mail.ParseAddr(addr)
	if err != nil {
		t.Fatal(err)
	}
	return mail.Recipient{Addr: a, Raw: "<" + addr + ">", Args: args}
}

func message(t *testing.T, header string) *mail.Message {
	t.Helper()
	h, body := mail.SplitMessage([]byte(strings.ReplaceAll(header, "\n", "\r\n") + "\r\nbody\r\n"))
	return &mail.Message{Envelope: &mail.Envelope{Sender: recipient(t, "alice@example.org").Addr, Login: "alice"}, Header: h, Body: body}
}

func copyTo(to mail.Recipient) outbox.Copy {
	return outbox.Copy{To: to, Header: mail.Header{{Name: "Subject", Value: " [...]"}}, Body: strings.NewReader("line\r\n.dot\r\n")}
}

func TestSendCarriesParameters(t *testing.T) {
	q := newQueue(t, nil)
	o := outbox.New(q.addr, newLedger(t), time.Now)
	m := message(t, "Subject: x\n")
	m.Envelope.Args = []string{"SMTPUTF8", "RET=hdrs", "ENVID=a+2Bb", "SIZE=5", "BODY=8BITMIME"}
	a, err := o.Begin(t.Context(), outbox.Identify(m))
	if err != nil {
		t.Fatal(err)
	}
	defer a.End()
	for _, to := range []mail.Recipient{
		recipient(t, `"odd name"@example.net`, "NOTIFY=success,FAILURE", "ORCPT=rfc822;Odd+2BName@example.net"),
		recipient(t, "dörte@example.net"),
	} {
		if err := a.Send(t.Context(), m.Envelope, copyTo(to)); err != nil {
			t.Fatal(err)
		}
	}
	if len(q.got) != 2 || q.got[1].to != "dörte@example.net" {
		t.Fatalf("got %+v", q.got)
	}
	d := q.got[0]
	if d.from != "alice@example.org" || d.to != "odd name@example.net" /* the server unquotes it */ || d.text != "Subject: [...]\r\n\r\nline\r\n.dot\r\n" {
		t.Errorf("got %+v", d)
	}
	if !d.mail.UTF8 || d.mail.Return != smtp.DSNReturnHeaders || d.mail.EnvelopeID != "a+b" {
		t.Errorf("MAIL parameters %+v", d.mail)
	}
	if fmt.Sprint(d.rcpt.Notify) != "[SUCCESS FAILURE]" || d.rcpt.OriginalRecipient != "Odd+Name@example.net" {
		t.Errorf("RCPT parameters %+v", d.rcpt)
	}
}

func TestRefusals(t *testing.T) {
	q := newQueue(t, func(s *smtp.Server) { s.EnableSMTPUTF8, s.MaxMessageBytes = false, 1000 })
	q.fail["full@example.net"] = &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 3, 1}, Message: "Full"}
	q.fail["never@example.net"] = &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "No"}
	m := message(t, "Subject: x\n")
	for _, tc := range []struct {
		name, to string
		args     []string
		code     int
	}{
		{"temporary", "full@example.net", nil, 452},
		{"permanent", "never@example.net", nil, 554},
		{"no SMTPUTF8", "bob@example.net", []string{"SMTPUTF8"}, 550},
		{"bad ENVID", "bob@example.net", []string{"ENVID=+"}, 501},
		{"two commands in one", "bob@example.net", []string{"ENVID=a\r\nRSET"}, 550},
	} {
		o := outbox.New(q.addr, newLedger(t), time.Now)
		m.Envelope.Args = tc.args
		a, err := o.Begin(t.Context(), outbox.Identify(m))
		if err != nil {
			t.Fatal(err)
		}
		c := copyTo(recipient(t, tc.to))
		err = a.Send(t.Context(), m.Envelope, c)
		if got := mail.AsFailure(err).Code; err == nil || got != tc.code {
			t.Errorf("%s: %v, want %d", tc.name, err, tc.code)
		}
		if a.Sent(c.To) {
			t.Errorf("%s: recorded as sent", tc.name)
		}
		a.End()
	}
	if len(q.got) != 0 {
		t.Errorf("something was queued: %+v", q.got)
	}
}

// failingBody breaks off in the middle of a message.
type failingBody struct{}

func (failingBody) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, "half a line")
	return int64(n), errors.Join(err, errors.New("broken"))
}

func TestBrokenBodyIsNotSent(t *testing.T) {
	q := newQueue(t, nil)
	m := message(t, "Subject: x\n")
	a, err := outbox.New(q.addr, newLedger(t), time.Now).Begin(t.Context(), outbox.Identify(m))
	if err != nil {
		t.Fatal(err)
	}
	defer a.End()
	c := copyTo(recipient(t, "bob@example.net"))
	c.Body = failingBody{}
	if err := a.Send(t.Context(), m.Envelope, c); err == nil || mail.AsFailure(err).Code != 451 {
		t.Errorf("error %v", err)
	}
	if err := a.Send(t.Context(), m.Envelope, copyTo(c.To)); err != nil {
		t.Fatal(err)
	}
	if len(q.got) != 1 || strings.Contains(q.got[0].text, "half") {
		t.Errorf("got %+v", q.got)
	}
}

type panickingBody struct{}

func (panickingBody) WriteTo(w io.Writer) (int64, error) {
	w.Write([]byte(strings.Repeat("half of the message\r\n", 10000)))
	panic("a bug")
}

func TestBodyThatPanicsIsNotSent(t *testing.T) {
	q := newQueue(t, nil)
	o := outbox.New(q.addr, newLedger(t), time.Now)
	m := message(t, "Message-ID: <1@x>\n")
	func() {
		defer func() { recover() }()
		a, err := o.Begin(t.Context(), outbox.Identify(m))
		if err != nil {
			t.Fatal(err)
		}
		defer a.End()
		c := copyTo(recipient(t, "bob@example.net"))
		c.Body = panickingBody{}
		a.Send(t.Context(), m.Envelope, c)
		t.Error("no panic")
	}()
	if len(q.got) != 0 {
		t.Errorf("a part of the message was sent: %d octets", len(q.got[0].text))
	}
}
