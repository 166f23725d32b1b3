package lab

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
)

// Delivery is one message for one recipient, as the [Sink] took it.
type Delivery struct {
	// Helo is the name that the client gave.
	Helo string
	// From and To are the reverse-path and the forward-path without angle brackets, octet for octet.
	From, To string
	// MailArgs and RcptArgs are the ESMTP parameters as they came, such as "BODY=8BITMIME" and "NOTIFY=NEVER".
	MailArgs, RcptArgs []string
	// Recipients are all accepted recipients of the same transaction, To among them.
	Recipients []string
	// Data is the message, octet for octet, without the transparency dots of RFC 5321, section 4.5.2.
	Data []byte
}

// SinkConfig says what the next hop is like.
type SinkConfig struct {
	// SevenBit leaves 8BITMIME, and with it SMTPUTF8, out of the announced extensions: the client has to convert.
	SevenBit bool
	// Take is given each delivery before its client is answered, and the sink does not keep it then. It is called from
	// several goroutines at once. Nil has the sink keep all.
	Take func(Delivery)
}

// Sink is an SMTP server that keeps all it gets and sends nothing on: the next hop, and the mailboxes behind it. Its
// methods are safe for concurrent use.
//
// A server library would parse parameters and line ends, and announce 8BITMIME in any case; here both are what is
// looked at.
type Sink struct {
	// Addr is the address to send to, "127.0.0.1:port".
	Addr string

	config SinkConfig
	server *Server

	mu         sync.Mutex
	deliveries []Delivery
	refused    map[string]string
	arrival    chan struct{} // closed and replaced at each delivery
}

// StartSink starts a sink. The caller closes it.
func StartSink(config SinkConfig) (*Sink, error) {
	s := &Sink{config: config, refused: make(map[string]string), arrival: make(chan struct{})}
	var err error
	if s.server, err = StartServer("tcp", anyPort, s.serve); err != nil {
		return nil, fmt.Errorf("start a sink: %w", err)
	}
	s.Addr = s.server.Addr
	return s, nil
}

// Close ends all connections and forgets nothing.
func (s *Sink) Close() error { return s.server.Close() }

// Refuse makes the sink answer every RCPT TO of a recipient with a reply such as "550 5.1.1 No such user". The empty
// reply lifts it.
func (s *Sink) Refuse(recipient, reply string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused[recipient] = reply
}

// Deliveries returns what has come so far, in order of arrival.
func (s *Sink) Deliveries() []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.deliveries)
}

// Mailbox returns what one recipient has got. The address must match octet for octet.
func (s *Sink) Mailbox(recipient string) []Delivery {
	return slices.DeleteFunc(s.Deliveries(), func(d Delivery) bool { return d.To != recipient })
}

// Wait waits until n deliveries have come since the start, and returns all there are by then. It cannot tell that
// no more will come: the sender's empty queue can.
func (s *Sink) Wait(ctx context.Context, n int) ([]Delivery, error) {
	for {
		s.mu.Lock()
		all, arrival := slices.Clone(s.deliveries), s.arrival
		s.mu.Unlock()
		if len(all) >= n {
			return all, nil
		}
		select {
		case <-arrival:
		case <-ctx.Done():
			return all, fmt.Errorf("wait for %d deliveries, %d came: %w", n, len(all), ctx.Err())
		}
	}
}

func (s *Sink) keep(transaction []Delivery, data []byte) {
	var recipients []string
	for _, d := range transaction {
		recipients = append(recipients, d.To)
	}
	for i := range transaction {
		transaction[i].Recipients, transaction[i].Data = recipients, data
	}
	if s.config.Take != nil {
		for _, d := range transaction {
			s.config.Take(d)
		}
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deliveries = append(s.deliveries, transaction...)
	close(s.arrival)
	s.arrival = make(chan struct{})
}

func (s *Sink) extensions() []string {
	list := []string{"PIPELINING", "SIZE", "ENHANCEDSTATUSCODES", "DSN"}
	if !s.config.SevenBit {
		list = append(list, "8BITMIME", "SMTPUTF8")
	}
	return list
}

// serve talks to one client until it leaves.
func (s *Sink) serve(conn net.Conn) {
	session := sinkSession{sink: s, in: bufio.NewReader(conn), out: bufio.NewWriter(conn)}
	session.reply("220 sink.lab.test ESMTP")
	for {
		// Replies to pipelined commands go out together (RFC 2920, section 3.2).
		if session.in.Buffered() == 0 && session.out.Flush() != nil {
			return
		}
		line, err := session.in.ReadString('\n')
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		if strings.EqualFold(verb, "QUIT") {
			session.reply("221 2.0.0 Bye")
			session.out.Flush()
			return
		}
		if err := session.command(strings.ToUpper(verb), rest); err != nil {
			return
		}
	}
}

// sinkSession is the state of one connection.
type sinkSession struct {
	sink *Sink
	in   *bufio.Reader
	out  *bufio.Writer

	helo        string
	mail        *Delivery  // what MAIL FROM said, nil before it
	transaction []Delivery // one for each accepted RCPT TO
}

func (s *sinkSession) reply(text string) { s.out.WriteString(text + "\r\n") } // Flush reports the error

func (s *sinkSession) reset() { s.mail, s.transaction = nil, nil }

func (s *sinkSession) command(verb, rest string) error {
	switch verb {
	case "EHLO":
		s.helo = rest
		s.reset()
		for _, extension := range s.sink.extensions() {
			s.reply("250-" + extension)
		}
		s.reply("250 HELP")
	case "HELO":
		s.helo = rest
		s.reset()
		s.reply("250 sink.lab.test")
	case "MAIL":
		path, args, ok := ParsePath(rest, "FROM:")
		if !ok || s.mail != nil {
			s.reply("501 5.5.4 Bad MAIL")
			return nil
		}
		s.mail = &Delivery{Helo: s.helo, From: path[1 : len(path)-1], MailArgs: args}
		s.reply("250 2.1.0 Ok")
	case "RCPT":
		s.recipient(rest)
	case "DATA":
		return s.data()
	case "RSET":
		s.reset()
		s.reply("250 2.0.0 Ok")
	case "NOOP":
		s.reply("250 2.0.0 Ok")
	default:
		s.reply("502 5.5.2 Not implemented")
	}
	return nil
}

func (s *sinkSession) recipient(rest string) {
	path, args, ok := ParsePath(rest, "TO:")
	if !ok || s.mail == nil {
		s.reply("501 5.5.4 Bad RCPT")
		return
	}
	path = path[1 : len(path)-1]
	s.sink.mu.Lock()
	refusal := s.sink.refused[path]
	s.sink.mu.Unlock()
	if refusal != "" {
		s.reply(refusal)
		return
	}
	d := *s.mail
	d.To, d.RcptArgs = path, args
	s.transaction = append(s.transaction, d)
	s.reply("250 2.1.5 Ok")
}

func (s *sinkSession) data() error {
	if len(s.transaction) == 0 {
		s.reply("554 5.5.1 No valid recipients")
		return nil
	}
	s.reply("354 End data with <CR><LF>.<CR><LF>")
	if err := s.out.Flush(); err != nil {
		return err
	}
	data, err := ReadData(s.in)
	if err != nil {
		return err
	}
	s.sink.keep(s.transaction, data)
	s.reset()
	s.reply("250 2.0.0 Kept")
	return nil
}
