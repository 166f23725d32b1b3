package scripted_test

import (
	"io"
	"slices"
	"strings"
	"testing"

	"sealmilter/internal/lab/scripted"
)

// leftovers looks for what one message, or one client, leaves behind for the next on a connection: a login told for a
// message that never began, the client's address, the listener's name.
func leftovers(t *testing.T, b *bench) {
	conn := b.dial(t)
	c, err := scripted.Negotiate(conn, scripted.Everything())
	said(t, err)
	greet(t, c, stranger)
	for _, end := range []func() error{c.Abort, func() error {
		said(t, c.QuitNewConnection())
		wants(t, scripted.Continue)(c.Connect("localhost", addrPort(stranger)))
		return nil
	}} {
		said(t, c.Macros('M', "{auth_authen}", "alice"))
		said(t, end())
		wants(t, scripted.Accept)(c.Mail("<alice@example.org>"))
		said(t, c.Abort())
	}

	// A client of whom nothing is told could be anybody.
	said(t, c.QuitNewConnection())
	greet(t, c, trusted)
	said(t, c.QuitNewConnection())
	wants(t, scripted.ReplyCode)(c.Mail("<alice@example.org>"))
	said(t, c.Abort())

	// Local programs hear of refusals at the end of message, SMTP clients at RCPT. The client is this very program, for the
	// milter looks whose it is.
	for _, next := range []struct {
		daemon string
		want   scripted.AnswerCode
	}{{"LOCALSUBMIT", scripted.Continue}, {"", scripted.ReplyCode}} {
		said(t, c.QuitNewConnection())
		if next.daemon != "" {
			said(t, c.Macros('C', "{daemon_name}", next.daemon))
		}
		wants(t, scripted.Continue)(c.Connect("localhost", addrPort(conn.LocalAddr().String())))
		wants(t, scripted.Continue)(c.Mail("<alice@example.org>"))
		wants(t, next.want)(c.Rcpt("<clerk@bank.example>"))
	}
	said(t, c.Quit())
}

// abandoned begins more messages than the program may hold at a time, and leaves each in the middle in one of the ways that
// there are. There must be room for a whole one afterwards.
func abandoned(t *testing.T, b *bench) {
	half := []byte(strings.Repeat("This is the first half of a message.\r\n", 1500))
	c := b.connect(t, trusted)
	begin := func() {
		l := b.write("bob@example.net")
		envelope(t, c, l)
		shown(t, c, l.header(), slices.Repeat([][]byte{half}, 7)...)
	}
	for range 5 {
		begin()
		said(t, c.Abort())
		begin()
		// The next MAIL comes without an abort.
		begin()
		said(t, c.QuitNewConnection())
		greet(t, c, trusted)
		begin()
		said(t, c.Close())
		c = b.connect(t, trusted)
	}
	l := b.write("bob@example.net")
	envelope(t, c, l)
	keeps(t, contentInPieces(t, c, l, l.header(), append(slices.Repeat([][]byte{half}, 7), l.body()), nil), l)
	said(t, c.Quit())
}

// leftInTheAnswer leaves while the program sends the new body of a message, which must not keep it from others.
func leftInTheAnswer(t *testing.T, b *bench) {
	big := []byte(strings.Repeat("This text is long and fills all buffers on its way.\r\n", 1200))
	for _, read := range []int64{0, 1, 4, 10, 1000, 100000} {
		l := b.write("erin@example.com")
		conn := b.dial(t)
		c, err := scripted.Negotiate(conn, scripted.Everything())
		said(t, err)
		greet(t, c, trusted)
		envelope(t, c, l)
		shown(t, c, l.header(), slices.Repeat([][]byte{big}, 7)...)
		_, err = io.WriteString(conn, frame('E', ""))
		said(t, err)
		_, err = io.CopyN(io.Discard, conn, read)
		said(t, err)
		said(t, c.Close())

		c = b.connect(t, trusted)
		envelope(t, c, l)
		keeps(t, content(t, c, l), l)
		said(t, c.Quit())
	}
}
