package scripted_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"sealmilter/internal/lab/scripted"
)

var noAddrPort netip.AddrPort

func addrPort(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// cutBodies sends one body cut in two at every place, the second part with the end of message or before it, and octet by
// octet. The signed text must be the same each time.
func cutBodies(t *testing.T, b *bench) {
	c := b.connect(t, trusted)
	send := func(what string, pieces [][]byte, rest []byte) {
		l := b.write("erin@example.com")
		body := slices.Concat(slices.Concat(pieces...), rest)
		envelope(t, c, l)
		m := contentInPieces(t, c, l, l.header(), pieces, rest)
		if !bytes.Contains(m.Body, append([]byte("\r\n\r\n"), bytes.TrimSuffix(body, []byte("\r\n"))...)) {
			t.Errorf("%s: the text is not %q:\n%s", what, body, m.Body)
		}
	}
	body := []byte("\r\nOne\r\n\r\n\r\n.\r\n..\r\nTwo\r\n\r\n")
	for i := range len(body) + 1 {
		send(fmt.Sprintf("cut at %d", i), [][]byte{body[:i], body[i:]}, nil)
		send(fmt.Sprintf("the rest at the end from %d", i), [][]byte{body[:i]}, body[i:])
	}
	send("octet by octet", slices.Collect(slices.Chunk(body, 1)), nil)
	send("all at the end", nil, body)

	// A line end across the border of two full packets.
	long := []byte(strings.Repeat("0123456789012345678901234567890123456789012345678901234567890123\r\n", 3000))
	for shift := range 3 {
		odd := append(bytes.Repeat([]byte("x"), shift), long...)
		send(fmt.Sprintf("full packets, %d more", shift), scripted.Pieces(odd), nil)
	}
	said(t, c.Quit())
}

// hangUp leaves in every stage, and in the middle of a packet. The program must go on with others, and nothing may leave.
func hangUp(t *testing.T, b *bench) {
	l := b.write("bob@example.net", "erin@example.com")
	steps := []func(*scripted.Conn) (scripted.Answer, error){
		func(c *scripted.Conn) (scripted.Answer, error) { return c.Connect("localhost", addrPort(trusted)) },
		func(c *scripted.Conn) (scripted.Answer, error) { return c.Helo("client.example") },
		func(c *scripted.Conn) (scripted.Answer, error) {
			said(t, c.Macros('M', "{auth_authen}", "alice"))
			return c.Mail("<alice@example.org>")
		},
		func(c *scripted.Conn) (scripted.Answer, error) { return c.Rcpt("<bob@example.net>") },
		func(c *scripted.Conn) (scripted.Answer, error) { return c.Rcpt("<erin@example.com>") },
		func(c *scripted.Conn) (scripted.Answer, error) { return c.Data() },
		func(c *scripted.Conn) (scripted.Answer, error) { return c.Field("From", " alice@example.org") },
		func(c *scripted.Conn) (scripted.Answer, error) { return c.Field("Message-ID", " "+l.id) },
		func(c *scripted.Conn) (scripted.Answer, error) { return c.EndOfHeader() },
		func(c *scripted.Conn) (scripted.Answer, error) { return c.Body(l.body()) },
	}
	for stage := range len(steps) + 1 {
		for _, last := range []string{"", "\x00", "\x00\x00\x00\x40B", "\x00\x00\x00\x40Msome"} {
			conn := b.dial(t)
			c, err := scripted.Negotiate(conn, scripted.Everything())
			said(t, err)
			for _, step := range steps[:stage] {
				wants(t, scripted.Continue)(step(c))
			}
			_, err = io.WriteString(conn, last)
			said(t, err)
			said(t, c.Close())
		}
	}
	if got := b.copies(l); len(got) > 0 {
		t.Errorf("%d copies of a message that was never whole have left", len(got))
	}
	other := b.write("bob@example.net")
	c := b.connect(t, trusted)
	envelope(t, c, other)
	keeps(t, content(t, c, other), other, l)
	said(t, c.Quit())
}

// slowReader takes in every octet by itself, and sends out every octet in a packet of its own.
func slowReader(t *testing.T, b *bench) {
	conn := b.dial(t)
	said(t, conn.(*net.TCPConn).SetReadBuffer(2048))
	c, err := scripted.Negotiate(slowConn{conn, iotest.OneByteReader(conn)}, scripted.Everything())
	said(t, err)
	greet(t, c, trusted)
	for _, to := range []string{"bob@example.net", "erin@example.com"} {
		l := b.write(to)
		envelope(t, c, l)
		body := append(l.body(), strings.Repeat("and so on\r\n", 3000)...)
		keeps(t, contentInPieces(t, c, l, l.header(), [][]byte{body}, nil), l)
	}
	said(t, c.Quit())
}

type slowConn struct {
	net.Conn
	in io.Reader
}

func (c slowConn) Read(p []byte) (int, error) { return c.in.Read(p) }

func (c slowConn) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := c.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}
