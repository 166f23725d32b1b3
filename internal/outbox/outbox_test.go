package outbox_test

import (
	"context"
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

func TestNoListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	m := message(t, "Subject: x\n")
	a, err := outbox.New(addr, newLedger(t), time.Now).Begin(t.Context(), outbox.Identify(m))
	if err != nil {
		t.Fatal(err)
	}
	defer a.End()
	if err := a.Send(t.Context(), m.Envelope, copyTo(recipient(t, "bob@example.net"))); mail.AsFailure(err).Code != 451 {
		t.Errorf("error %v", err)
	}
}

// TestRetry walks through what a second try of a message may find.
func TestRetry(t *testing.T) {
	const id = "Message-ID: <1@client.example>\n"
	for _, tc := range []struct {
		name          string
		first, second string
		queueID       string
		finish        bool
		later         time.Duration
		sent          bool
	}{
		{"unfinished", id, id, "", false, 24 * time.Hour, true},
		{"unfinished, no Message-ID", "Subject: x\n", "Subject: x\n", "", false, time.Minute, true},
		{"finished", id, id, "", true, 59 * time.Minute, true},
		{"finished long ago", id, id, "", true, 61 * time.Minute, false},
		{"finished, no Message-ID", "Subject: x\n", "Subject: x\n", "", true, time.Second, false},
		{"finished, Message-ID by Postfix", "Message-ID: <2026.4XyZ@mx>\n", "Message-ID: <2026.4XyZ@mx>\n", "4XyZ", true, time.Second, false},
		{"unfinished, Message-ID by Postfix", "Message-ID: <1.4XyZ@mx>\n", "Message-ID: <2.4XyZ@mx>\n", "4XyZ", false, time.Second, true},
		{"unfinished, no Message-ID, given up", "Subject: x\n", "Subject: x\n", "", false, 61 * time.Minute, false},
		{"unfinished, no Message-ID, other Date", "Date: a\n", "Date: b\n", "", false, time.Second, false},
		{"unfinished, the client's Date, Message-ID by Postfix", "Date: a\nMessage-ID: <1.4XyZ@mx>\n", "Date: b\nMessage-ID: <2.4XyZ@mx>\n", "4XyZ", false, time.Second, false},
		{"unfinished, Message-ID and Date by Postfix", "Message-ID: <1.4XyZ@mx>\nDate: a\n", "Message-ID: <2.4XyZ@mx>\nDate: b\n", "4XyZ", false, time.Second, true},
		{"other DKIM signature", id + "DKIM-Signature: t=1\n", id + "DKIM-Signature: t=2\n", "", false, time.Second, true},
		{"other fields of filters in front", id + "X-Spam-Status: a\nX-Spamd-Result: a\nX-Rspamd-Queue-Id: a\nX-Virus-Status: a\n",
			id + "x-spam-status: b\nX-Rspamd-Queue-Id: b\nDKIM-Filter: b\n", "", false, time.Second, true},
		{"other field of the client", id + "X-Priority: 1\n", id + "X-Priority: 2\n", "", false, time.Second, false},
		{"other Message-ID", id, "Message-ID: <2@client.example>\n", "", false, time.Second, false},
		{"other Subject", id + "Subject: a\n", id + "Subject: b\n", "", false, time.Second, false},
		{"other Date and way", id + "Date: a\nReceived: x\n", id + "Date: b\nReceived: y\n", "", false, time.Second, true},
		{"given up", id, id, "", false, 6 * 24 * time.Hour, false},
	} {
		eachDatabase(t, tc.name, func(t *testing.T, database string) {
			q := newQueue(t, nil)
			now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			o := outbox.New(q.addr, openLedger(t, database), func() time.Time { return now })
			bob, dave := recipient(t, "bob@example.net"), recipient(t, "dave@example.net")
			attempt := func(header string) *outbox.Attempt {
				m := message(t, header)
				m.Envelope.QueueID = tc.queueID
				a, err := o.Begin(t.Context(), outbox.Identify(m))
				if err != nil {
					t.Fatal(err)
				}
				return a
			}
			a := attempt(tc.first)
			m := message(t, tc.first)
			if err := a.Send(t.Context(), m.Envelope, copyTo(bob)); err != nil {
				t.Fatal(err)
			}
			if tc.finish {
				if err := a.Finish(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			a.End()
			now = now.Add(tc.later)
			// As after a restart, or on another host.
			o = outbox.New(q.addr, openLedger(t, database), func() time.Time { return now })
			a = attempt(tc.second)
			defer a.End()
			if a.Sent(bob) != tc.sent {
				t.Errorf("bob's copy counts as sent: %v", !tc.sent)
			}
			if a.Sent(dave) {
				t.Error("dave's copy counts as sent")
			}
		})
	}
}

func TestSameMessageTwiceAtOnce(t *testing.T) {
	o := outbox.New("127.0.0.1:1", newLedger(t), time.Now)
	m := message(t, "Subject: x\n")
	a, err := o.Begin(t.Context(), outbox.Identify(m))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Begin(t.Context(), outbox.Identify(m)); !errors.Is(err, outbox.ErrBusy) {
		t.Errorf("second attempt: %v", err)
	}
	other := message(t, "Subject: y\n")
	b, err := o.Begin(t.Context(), outbox.Identify(other))
	if err != nil {
		t.Fatal(err)
	}
	b.End()
	a.End()
	c, err := o.Begin(t.Context(), outbox.Identify(m))
	if err != nil {
		t.Fatal(err)
	}
	c.End()
}

// TestPartsOfAMessageAtOnce has what goes to some recipients of one message in work at the same time.
func TestPartsOfAMessageAtOnce(t *testing.T) {
	o := outbox.New("127.0.0.1:1", newLedger(t), time.Now)
	id := outbox.Identify(message(t, "Message-ID: <1@client.example>\n"))
	bob, erin := recipient(t, "bob@example.net"), recipient(t, "erin@example.com")
	for _, part := range [][]mail.Recipient{{bob}, {erin}, {bob, erin}} {
		a, err := o.Begin(t.Context(), id.For(part))
		if err != nil {
			t.Fatalf("%v: %v", part, err)
		}
		defer a.End()
	}
	if _, err := o.Begin(t.Context(), id.For([]mail.Recipient{bob})); !errors.Is(err, outbox.ErrBusy) {
		t.Errorf("the same part again: %v", err)
	}
}

// impatientLedger has the client give up in the moment between the MTA's yes and the record.
type impatientLedger struct {
	outbox.Ledger
	giveUp context.CancelFunc
}

func (l impatientLedger) RecordSent(ctx context.Context, message, name string, at, expires time.Time) error {
	l.giveUp()
	return l.Ledger.RecordSent(ctx, message, name, at, expires)
}

func TestRecordedAlthoughTheClientIsGone(t *testing.T) {
	q := newQueue(t, nil)
	ctx, giveUp := context.WithCancel(t.Context())
	m := message(t, "Subject: x\n")
	a, err := outbox.New(q.addr, impatientLedger{newLedger(t), giveUp}, time.Now).Begin(ctx, outbox.Identify(m))
	if err != nil {
		t.Fatal(err)
	}
	defer a.End()
	to := recipient(t, "bob@example.net")
	if err := a.Send(ctx, m.Envelope, copyTo(to)); err != nil || !a.Sent(to) || len(q.got) != 1 {
		t.Errorf("%v, sent %v, queue %d", err, a.Sent(to), len(q.got))
	}
}

// brokenLedger cannot write.
type brokenLedger struct{ outbox.Ledger }

func (brokenLedger) RecordSent(context.Context, string, string, time.Time, time.Time) error {
	return errors.New("disk full")
}

func TestUnrecordedIsAnError(t *testing.T) {
	q := newQueue(t, nil)
	m := message(t, "Subject: x\n")
	a, err := outbox.New(q.addr, brokenLedger{newLedger(t)}, time.Now).Begin(t.Context(), outbox.Identify(m))
	if err != nil {
		t.Fatal(err)
	}
	defer a.End()
	to := recipient(t, "bob@example.net")
	if err := a.Send(t.Context(), m.Envelope, copyTo(to)); err == nil || a.Sent(to) {
		t.Errorf("error %v, sent %v", err, a.Sent(to))
	}
}
