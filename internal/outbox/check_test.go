package outbox_test

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
)

func TestCheck(t *testing.T) {
	q := newQueue(t, func(s *smtp.Server) { s.EnableSMTPUTF8, s.MaxMessageBytes = false, 1000 })
	fits, large := copyTo(recipient(t, "bob@example.net")), copyTo(recipient(t, "dave@example.net"))
	large.Body = strings.NewReader(strings.Repeat("x", 1000))
	for _, tc := range []struct {
		name string
		args []string
		copy outbox.Copy
		code int
	}{
		{"fits", nil, fits, 0},
		{"too large", nil, large, 552},
		{"no SMTPUTF8", []string{"SMTPUTF8"}, fits, 550},
	} {
		m := message(t, "Subject: x\n")
		m.Envelope.Args = tc.args
		a, err := outbox.New(q.addr, newLedger(t), time.Now).Begin(t.Context(), outbox.Identify(m))
		if err != nil {
			t.Fatal(err)
		}
		err = a.Check(t.Context(), m.Envelope, []outbox.Copy{fits, tc.copy})
		if (err != nil) != (tc.code != 0) || err != nil && mail.AsFailure(err).Code != tc.code {
			t.Errorf("%s: %v, want %d", tc.name, err, tc.code)
		}
		a.End()
	}
}

// TestWithout8BITMIME needs a listener that go-smtp's server is not.
func TestWithout8BITMIME(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		io.WriteString(c, "220 old.example\r\n")
		bufio.NewReader(c).ReadString('\n')
		io.WriteString(c, "250 old.example\r\n")
		io.Copy(io.Discard, c)
	}()
	m := message(t, "Subject: x\n")
	a, err := outbox.New(l.Addr().String(), newLedger(t), time.Now).Begin(t.Context(), outbox.Identify(m))
	if err != nil {
		t.Fatal(err)
	}
	c := copyTo(recipient(t, "bob@example.net"))
	if err := a.Check(t.Context(), m.Envelope, []outbox.Copy{c}); err != nil {
		t.Error(err)
	}
	c.EightBit = true
	if err := a.Check(t.Context(), m.Envelope, []outbox.Copy{c}); mail.AsFailure(err).Code != 554 {
		t.Errorf("error %v", err)
	}
	l.Close()
}
