package scripted

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"sealmilter/internal/lab"
)

// door is one of the MTA's listeners.
type door uint8

const (
	clientDoor door = iota + 1
	copiesDoor
	localDoor
)

// mostOctets is the limit of one message.
const mostOctets = 51200000

var errQuit = errors.New("the client has said goodbye")

// session is the SMTP dialogue with one client (RFC 5321). Replies have Postfix's words.
type session struct {
	mta    *MTA
	door   door
	in     *bufio.Reader
	out    *bufio.Writer
	client netip.AddrPort
	helo   string

	filter *filter // nil where the milter is shown nothing
	guard  *guard  // nil where everybody may come in

	queueID string
	tx      *Message // nil between messages
	begun   bool     // the milter was told of a MAIL
}

func (m *MTA) serve(conn net.Conn, d door) {
	client, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return
	}
	server, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		return
	}
	s := &session{mta: m, door: d, in: bufio.NewReader(conn), out: bufio.NewWriter(conn), client: client}
	shown := func(daemon string) *filter {
		return newFilter(m.ctx, m.manners, m.config, m.object, daemon, client, server)
	}
	switch {
	case d == clientDoor:
		s.filter = shown("smtpd")
	case d == localDoor:
		s.filter = shown("LOCALSUBMIT")
	case m.manners.asksByPolicy:
		s.guard = &guard{ctx: m.ctx, milter: m.config.Milter}
		defer s.guard.close()
	default:
		s.filter = shown("SEALCOPIES")
	}
	err = s.talk()
	if s.filter != nil {
		s.filter.endMessage(s.begun, true)
		s.filter.quit()
	}
	if errors.Is(err, errQuit) {
		s.reply("221 2.0.0 Bye")
		_ = s.out.Flush()
	}
}

// talk serves commands until the client leaves.
func (s *session) talk() error {
	s.reply("220 " + hostName + " ESMTP")
	for {
		if s.in.Buffered() == 0 {
			if err := s.out.Flush(); err != nil {
				return err
			}
		}
		line, err := s.in.ReadString('\n')
		if err != nil {
			return err
		}
		line = strings.TrimRight(line, "\r\n")
		s.mta.logf("%v > %s", s.client, line)
		verb, rest, _ := strings.Cut(line, " ")
		if err := s.command(strings.ToUpper(verb), rest, line); err != nil {
			return err
		}
	}
}

func (s *session) reply(text string) {
	s.mta.logf("%v < %s", s.client, text)
	_, _ = s.out.WriteString(text + "\r\n") // Flush reports the error.
}

func (s *session) command(verb, rest, line string) error {
	switch verb {
	case "EHLO", "HELO":
		s.hello(verb, rest)
	case "AUTH":
		s.auth(rest)
	case "MAIL":
		s.mail(rest)
	case "RCPT":
		s.rcpt(rest)
	case "DATA":
		return s.data()
	case "RSET":
		s.reset()
		s.reply("250 2.0.0 Ok")
	case "NOOP":
		s.reply("250 2.0.0 Ok")
	case "QUIT":
		return errQuit
	default:
		reply := ""
		if s.filter != nil {
			reply = s.filter.unknown(line)
		}
		if reply == "" {
			reply = "502 5.5.2 Error: command not recognized"
		}
		s.reply(reply)
	}
	return nil
}

func (s *session) hello(verb, name string) {
	s.reset()
	s.helo = name
	if s.filter != nil {
		if reply := s.filter.helo(name); reply != "" && reply != unavailable {
			s.reply(reply)
			return
		}
	}
	if verb == "HELO" {
		s.reply("250 " + hostName)
		return
	}
	for _, line := range []string{hostName, "PIPELINING", fmt.Sprintf("SIZE %d", mostOctets), "AUTH PLAIN", "ENHANCEDSTATUSCODES", "8BITMIME", "DSN"} {
		s.reply("250-" + line)
	}
	s.reply("250 SMTPUTF8")
}

// auth knows the mechanism PLAIN with an initial response (RFC 4616).
func (s *session) auth(rest string) {
	encoded, found := strings.CutPrefix(rest, "PLAIN ")
	plain, err := base64.StdEncoding.DecodeString(encoded)
	words := strings.Split(string(plain), "\x00")
	switch {
	case s.door != clientDoor || s.helo == "" || s.tx != nil:
		s.reply("503 5.5.1 Error: authentication is not possible now")
	case !found || err != nil || len(words) != 3:
		s.reply("501 5.5.4 Syntax: AUTH PLAIN response")
	case s.mta.config.Login == nil || !s.mta.config.Login(words[1], words[2]):
		s.reply("535 5.7.8 Error: authentication failed")
	default:
		s.filter.login(words[1])
		s.reply("235 2.7.0 Authentication successful")
	}
}

func (s *session) mail(rest string) {
	path, args, ok := lab.ParsePath(rest, "FROM:")
	switch {
	case !ok:
		s.reply("501 5.5.4 Syntax: MAIL FROM:<address>")
		return
	case s.helo == "":
		s.reply("503 5.5.1 Error: send HELO/EHLO first")
		return
	case s.tx != nil:
		s.reply("503 5.5.1 Error: nested MAIL command")
		return
	}
	s.queueID = s.mta.queueID()
	if s.filter != nil {
		if reply := s.filter.mail(s.queueID, path, args); reply != "" {
			s.filter.endMessage(true, true)
			s.reply(reply)
			return
		}
		s.begun = true
	}
	s.tx = &Message{Sender: path, Args: args}
	s.reply("250 2.1.0 Ok")
}

func (s *session) rcpt(rest string) {
	path, args, ok := lab.ParsePath(rest, "TO:")
	reply := ""
	switch {
	case !ok:
		reply = "501 5.5.4 Syntax: RCPT TO:<address>"
	case !sensible(args):
		reply = "501 5.5.4 Error: Bad NOTIFY parameter syntax"
	case s.tx == nil:
		reply = "503 5.5.1 Error: need MAIL command"
	case s.guard != nil:
		reply = s.guard.ask("RCPT", s.client, s.helo, s.tx.Sender, path)
	case s.filter != nil:
		reply = s.filter.rcpt(s.queueID, path, args)
	}
	if reply == "" {
		s.tx.Recipients = append(s.tx.Recipients, Recipient{Path: path, Args: args})
		reply = "250 2.1.5 Ok"
	}
	s.reply(reply)
}

func (s *session) data() error {
	reply := ""
	switch {
	case s.tx == nil:
		reply = "503 5.5.1 Error: need RCPT command"
	case len(s.tx.Recipients) == 0:
		reply = "554 5.5.1 Error: no valid recipients"
	case s.guard != nil:
		reply = s.guard.ask("DATA", s.client, s.helo, s.tx.Sender, "")
	case s.filter != nil:
		reply = s.filter.data()
	}
	if reply != "" {
		s.reply(reply)
		return nil
	}
	s.reply("354 End data with <CR><LF>.<CR><LF>")
	if err := s.out.Flush(); err != nil {
		return err
	}
	data, err := lab.ReadData(s.in)
	if err != nil {
		return err
	}
	reply = s.finish(data)
	s.reply(reply)
	return nil
}

// finish takes a whole message and returns the reply to it.
func (s *session) finish(data []byte) string {
	switch {
	case hasBareLineEnd(data):
		s.reset()
		return "550 5.5.2 Error: bare <LF> received"
	case len(data) > mostOctets:
		s.reset()
		return "552 5.3.4 Error: message file too big"
	}
	message := s.tx
	message.Header, message.Body = split(data)
	reply := s.mta.accept(message, s.queueID, received(s.helo, message, s.queueID), s.filter)
	if s.filter != nil {
		s.filter.endMessage(true, true)
	}
	s.tx, s.begun = nil, false
	return reply
}

// reset forgets the message that has begun, at the client's wish.
func (s *session) reset() {
	if s.filter != nil {
		s.filter.endMessage(s.begun, false)
	}
	s.tx, s.begun = nil, false
}

func hasBareLineEnd(data []byte) bool {
	return slices.ContainsFunc(bytes.Split(data, []byte("\r\n")), func(line []byte) bool { return bytes.ContainsAny(line, "\r\n") })
}
