package outbox

import (
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"syscall"
	"time"

	"sealmilter/internal/mail"
)

// Time limits of the dialogue with the MTA on this host.
const (
	commandTimeout = time.Minute
	queueTimeout   = 5 * time.Minute // from the final dot to the MTA's answer
	quitTimeout    = 5 * time.Second
)

// dialogue speaks SMTP (RFC 5321) to the MTA: one command, one reply. A library's client parses and orders the
// parameters of MAIL and RCPT, and leaves out what it does not know; here they go on as the client gave them.
type dialogue struct {
	conn socket
	text *textproto.Conn
	// extensions are what the MTA announces, by keyword in upper case, with their arguments.
	extensions map[string]string
}

// socket is a connection whose file descriptor can be used.
type socket interface {
	net.Conn
	syscall.Conn
}

func newDialogue(conn socket) *dialogue {
	return &dialogue{conn: conn, text: textproto.NewConn(conn), extensions: map[string]string{}}
}

// greet reads the MTA's greeting and learns its extensions.
func greet(conn socket, name string) (*dialogue, error) {
	d := newDialogue(conn)
	if _, err := d.reply(commandTimeout, 220); err != nil {
		return nil, fmt.Errorf("greeting: %w", err)
	}
	announced, err := d.command(250, "EHLO "+name)
	if err != nil {
		return nil, fmt.Errorf("EHLO: %w", err)
	}
	_, lines, _ := strings.Cut(announced, "\n") // the first one is the MTA's name
	for line := range strings.SplitSeq(lines, "\n") {
		keyword, arguments, _ := strings.Cut(line, " ")
		d.extensions[strings.ToUpper(keyword)] = arguments
	}
	return d, nil
}

// announces reports whether the MTA has announced an extension.
func (d *dialogue) announces(keyword string) bool {
	_, ok := d.extensions[keyword]
	return ok
}

// maxSize is the largest message in octets that the MTA takes (RFC 1870, section 4), 0 if it does not say.
func (d *dialogue) maxSize() int64 {
	size, err := strconv.ParseInt(d.extensions["SIZE"], 10, 64)
	if err != nil {
		return 0
	}
	return size
}

// command says one line and returns the text of the reply, which must have the expected code. Any other reply is a
// [*mail.Failure] with the MTA's own text.
func (d *dialogue) command(expected int, line string) (string, error) {
	if err := d.text.PrintfLine("%s", line); err != nil {
		return "", broken(err)
	}
	return d.reply(commandTimeout, expected)
}

// broken is a connection that has ended, or does not speak SMTP.
func broken(err error) *mail.Failure {
	return mail.Defer("4.4.2", notNow, fmt.Errorf("the connection to the loopback listener broke: %w; see the mail server's log", err))
}

func (d *dialogue) reply(limit time.Duration, expected int) (string, error) {
	if err := d.conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return "", broken(err)
	}
	code, text, err := d.text.ReadResponse(0)
	if err != nil {
		return "", broken(err)
	}
	return text, judge(code, text, expected)
}

// judge returns nil for a reply with the expected code.
func judge(code int, text string, expected int) error {
	switch code {
	case expected:
		return nil
	case 251:
		// A recipient elsewhere is a recipient (RFC 5321, section 3.4).
		if expected == 250 {
			return nil
		}
	}
	return refusal(code, text)
}

// data returns the writer of a message. Without its Close, the MTA throws away what it has got when the connection ends.
func (d *dialogue) data() (*text, error) {
	if _, err := d.command(354, "DATA"); err != nil {
		return nil, err
	}
	return &text{out: d.text.DotWriter()}, nil
}

// text writes a message: it adds the dots of transparency, and with Close the final one (RFC 5321, section 4.5.2).
type text struct {
	out  io.WriteCloser
	last byte // octet that was written
}

func (t *text) Write(p []byte) (int, error) {
	if len(p) > 0 {
		t.last = p[len(p)-1]
	}
	return t.out.Write(p)
}

// endLine ends the last line, so that the final dot is all that is left to write.
func (t *text) endLine() error {
	end := "\r\n"
	switch t.last {
	case '\n':
		return nil
	case '\r':
		end = "\n"
	}
	_, err := io.WriteString(t, end)
	return err
}

// Close writes the final dot.
func (t *text) Close() error { return t.out.Close() }

// queued waits for the reply to the final dot, and leaves it in the socket. It returns its size.
func (d *dialogue) queued() (size int, err error) {
	a, err := d.await(queueTimeout)
	if err != nil {
		return 0, broken(err)
	}
	return a.size, judge(a.code, a.text, 250)
}

// refusal makes a Failure of a reply. Its text is the MTA's own, about an envelope that the client knows. What is about
// the connection is not about the message, which waits: 421 (RFC 5321, section 3.8), and the word of the guard. A reply
// that is neither a refusal nor the expected one is no answer: the client tries again.
func refusal(code int, text string) *mail.Failure {
	if strings.Contains(text, strangerReply) {
		return mail.Defer("4.3.5", notNow, fmt.Errorf("the loopback listener replies %d %s; it must ask this process who "+
			"connects: check its check_policy_service, or smtpd_milters, against the address that sealmilter listens at, and "+
			"that nothing relays the connection in between (sealmilter check tells more)", code, text))
	}
	enhanced := fmt.Sprintf("%d.0.0", code/100)
	var said []string
	for line := range strings.SplitSeq(text, "\n") {
		if status, rest, _ := strings.Cut(line, " "); isStatus(status, code/100) {
			enhanced, line = status, rest
		}
		said = append(said, line)
	}
	switch {
	case code == 421:
		// The client's own connection is not the one that closes.
		code = 451
	case code < 400, code > 599:
		code, enhanced = 451, "4.5.0"
	}
	return &mail.Failure{Code: code, Enhanced: enhanced, Text: "The mail server does not take a copy: " + strings.Join(said, "\n")}
}

// isStatus reports whether a word is an enhanced status code of a class (RFC 2034, section 4).
func isStatus(word string, class int) bool {
	numbers := strings.Split(word, ".")
	if len(numbers) != 3 || numbers[0] != strconv.Itoa(class) {
		return false
	}
	for _, n := range numbers[1:] {
		if _, err := strconv.ParseUint(n, 10, 10); err != nil {
			return false
		}
	}
	return true
}
