package lab

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
)

// Reply is an SMTP reply (RFC 5321, section 4.2).
type Reply struct {
	Code int
	// Lines are the lines as they came, codes included, line ends excluded.
	Lines []string
}

// String returns the reply as it came, lines joined by LF.
func (r Reply) String() string { return strings.Join(r.Lines, "\n") }

// Client is a mail client that says what its script tells it, however odd, and returns replies verbatim. A refusal
// is a reply, not an error; errors are those of the connection. One goroutine uses it.
type Client struct {
	// Greeting is the server's first reply, and Extensions its reply to EHLO.
	Greeting, Extensions Reply

	conn net.Conn
	in   *bufio.Reader
	stop func() bool
}

// Dial connects and says EHLO. The connection is cut when ctx ends. The caller ends it with Quit or Drop.
func Dial(ctx context.Context, addr string) (*Client, error) {
	return dial(ctx, new(net.Dialer), addr)
}

// DialAs does the same with a socket that belongs to another user of this machine. Only root can.
func DialAs(ctx context.Context, user, addr string) (*Client, error) {
	dialer, err := DialerAs(user)
	if err != nil {
		return nil, err
	}
	return dial(ctx, dialer, addr)
}

// DialerAs returns a dialer whose sockets belong to another user of this machine. Only root can use it.
func DialerAs(user string) (*net.Dialer, error) {
	uid, err := uidOf(user)
	if err != nil {
		return nil, err
	}
	return &net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) { failed = syscall.Fchown(int(fd), uid, -1) })
		return errors.Join(err, failed)
	}}, nil
}

func dial(ctx context.Context, dialer *net.Dialer, addr string) (*Client, error) {
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &Client{conn: conn, in: bufio.NewReader(conn)}
	c.stop = context.AfterFunc(ctx, func() { conn.Close() })
	if c.Greeting, err = c.ReadReply(); err == nil {
		c.Extensions, err = c.Command("EHLO client.lab.test")
	}
	if err != nil {
		c.Drop()
		return nil, err
	}
	return c, nil
}

// LocalAddr returns the client's end of the connection.
func (c *Client) LocalAddr() net.Addr { return c.conn.LocalAddr() }

// Command sends one line and reads the reply.
func (c *Client) Command(line string) (Reply, error) {
	if err := c.Write([]byte(line + "\r\n")); err != nil {
		return Reply{}, err
	}
	return c.ReadReply()
}

// AuthPlain logs in with the mechanism PLAIN (RFC 4616).
func (c *Client) AuthPlain(user, password string) (Reply, error) {
	return c.Command("AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00"+user+"\x00"+password)))
}

// Mail begins a transaction. From stands between angle brackets as it is; args are ESMTP parameters.
func (c *Client) Mail(from string, args ...string) (Reply, error) {
	return c.Command(strings.Join(append([]string{"MAIL FROM:<" + from + ">"}, args...), " "))
}

// Rcpt names a recipient, as Mail names the sender.
func (c *Client) Rcpt(to string, args ...string) (Reply, error) {
	return c.Command(strings.Join(append([]string{"RCPT TO:<" + to + ">"}, args...), " "))
}

// Data sends a message: DATA, the bytes as they are but for the dots of RFC 5321, section 4.5.2, and the final dot.
// A missing last line end is added. A dot after a bare LF is doubled too, because Postfix takes that for a line end.
// The reply is the last one: that to DATA if the server does not want the message.
func (c *Client) Data(message []byte) (Reply, error) {
	reply, err := c.Command("DATA")
	if err != nil || reply.Code != 354 {
		return reply, err
	}
	stuffed := bytes.ReplaceAll(message, []byte("\n."), []byte("\n.."))
	if bytes.HasPrefix(stuffed, []byte(".")) {
		stuffed = append([]byte("."), stuffed...)
	}
	if len(stuffed) > 0 && !bytes.HasSuffix(stuffed, []byte("\r\n")) {
		stuffed = append(stuffed, "\r\n"...)
	}
	if err := c.Write(append(stuffed, ".\r\n"...)); err != nil {
		return Reply{}, err
	}
	return c.ReadReply()
}

// Send runs a whole transaction and returns the reply to each recipient and the last one. It ends early when the
// sender or every recipient is refused, and resets the session then.
func (c *Client) Send(from string, recipients []string, message []byte) (rcpt []Reply, last Reply, err error) {
	last, err = c.Mail(from)
	if err != nil || last.Code != 250 {
		return nil, last, err
	}
	accepted := 0
	for _, to := range recipients {
		if last, err = c.Rcpt(to); err != nil {
			return rcpt, last, err
		}
		rcpt = append(rcpt, last)
		if last.Code == 250 {
			accepted++
		}
	}
	if accepted == 0 {
		_, err = c.Command("RSET")
		return rcpt, last, err
	}
	last, err = c.Data(message)
	return rcpt, last, err
}

// Write sends raw bytes.
func (c *Client) Write(b []byte) error {
	_, err := c.conn.Write(b)
	return err
}

// ReadReply reads the next reply.
func (c *Client) ReadReply() (Reply, error) {
	var reply Reply
	for {
		line, err := c.in.ReadString('\n')
		if err == io.EOF && (line != "" || len(reply.Lines) > 0) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return reply, err
		}
		line = strings.TrimRight(line, "\r\n")
		reply.Lines = append(reply.Lines, line)
		if len(line) < 3 {
			return reply, fmt.Errorf("not an SMTP reply: %q", line)
		}
		if reply.Code, err = strconv.Atoi(line[:3]); err != nil {
			return reply, fmt.Errorf("not an SMTP reply: %q", line)
		}
		if len(line) == 3 || line[3] != '-' {
			return reply, nil
		}
	}
}

// Quit says goodbye and closes the connection.
func (c *Client) Quit() error {
	_, err := c.Command("QUIT")
	c.Drop()
	return err
}

// Drop closes the connection without a word.
func (c *Client) Drop() {
	c.stop()
	c.conn.Close()
}
