package outbox

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
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
	in   *textproto.Reader
	out  *bufio.Writer
	// extensions are what the MTA announces, by keyword in upper case, with their arguments.
	extensions map[string]string
	// gone says that the MTA has hung up, or has said that it does.
	gone bool
}

// outSize is the size of the buffer in octets for what is written: most copies go out in one write. Each connection has one.
const outSize = 24 << 10

// socket is a connection whose file descriptor can be used.
type socket interface {
	net.Conn
	syscall.Conn
}

// What is written goes out in pieces of some octets, each of which the MTA must take in time. What a copy writes at
// once may be all of a large message: an MTA that takes it slowly is not stuck.
const (
	pieceSize    = 256 << 10
	pieceTimeout = time.Minute
)

// pieces writes to the MTA.
type pieces struct{ conn net.Conn }

// Write implements [io.Writer].
func (w pieces) Write(p []byte) (written int, err error) {
	for written < len(p) && err == nil {
		if err = w.conn.SetWriteDeadline(time.Now().Add(pieceTimeout)); err != nil {
			break
		}
		var n int
		n, err = w.conn.Write(p[written:min(written+pieceSize, len(p))])
		written += n
	}
	return written, err
}

func newDialogue(conn socket) *dialogue {
	return &dialogue{conn: conn, in: textproto.NewReader(bufio.NewReader(conn)), out: bufio.NewWriterSize(pieces{conn}, outSize),
		extensions: map[string]string{}}
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
	if err := d.say(line); err != nil {
		return "", err
	}
	return d.reply(commandTimeout, expected)
}

// say writes lines, all at once.
func (d *dialogue) say(lines ...string) error {
	for _, line := range lines {
		d.out.WriteString(line)
		d.out.WriteString("\r\n") // an error comes again with Flush
	}
	if err := d.out.Flush(); err != nil {
		return d.lost(err)
	}
	return nil
}

// transaction says MAIL, RCPT and DATA, up to where the MTA waits for the text. It says them at once if the MTA takes
// that (RFC 2920): then it may wait for a text although it has refused the recipient. So after an error nothing more
// can be said: what ends the text would send a message without one.
func (d *dialogue) transaction(from, to string) error {
	together := d.announces("PIPELINING")
	if together {
		if err := d.say(from, to, "DATA"); err != nil {
			return err
		}
	}
	for _, step := range []struct {
		line     string
		expected int
	}{{from, 250}, {to, 250}, {"DATA", 354}} {
		if !together {
			if err := d.say(step.line); err != nil {
				return err
			}
		}
		if _, err := d.reply(commandTimeout, step.expected); err != nil {
			return err
		}
	}
	return nil
}

// lost returns what an error of the connection means.
func (d *dialogue) lost(err error) error {
	d.gone = d.gone || !errors.Is(err, os.ErrDeadlineExceeded)
	return broken(err)
}

// broken is a connection that has ended, or does not speak SMTP.
func broken(err error) *mail.Failure {
	return mail.Defer("4.4.2", notNow, fmt.Errorf("the connection to the loopback listener broke: %w; see the mail server's log", err))
}

func (d *dialogue) reply(limit time.Duration, expected int) (string, error) {
	if err := d.conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return "", broken(err)
	}
	code, text, err := d.in.ReadResponse(0)
	if err != nil {
		return "", d.lost(err)
	}
	d.gone = d.gone || code == 421
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

// queued waits for the reply to the final dot, and leaves it in the socket.
func (d *dialogue) queued() (answer, error) {
	a, err := d.await(queueTimeout)
	if err != nil {
		return answer{}, broken(err)
	}
	return a, aboutText(judge(a.code, a.text, 250))
}

// aboutText marks the MTA's words about a text that it has seen, which may quote it.
func aboutText(err error) error {
	var refusal *mail.Failure
	if errors.As(err, &refusal) {
		refusal.Quotes = true
	}
	return err
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
