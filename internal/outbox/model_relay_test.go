package outbox_test

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// manner is how the MTA's loopback listener behaves in a transaction. The first one is the good one.
type manner int

const (
	accepts manner = iota
	defersRcpt
	refusesRcpt
	defersData
	refusesData
	hangsUpAtData  // and throws away what it has
	losesAnswer    // queues the copy and hangs up
	answersLate    // queues the copy, and answers when the client has gone
	losesLate      // queues the copy, and hangs up when the client has gone
	refusesSession // says 421 at once
	manners        // how many there are
)

// relay is the loopback listener of the histories. One copy at a time is sent to it.
type relay struct {
	addr string

	mu     sync.Mutex
	manner manner
	// queued is told which copy has come into the queue: the mark in its text and the recipient.
	queued func(mark, to string)
	// held is closed when a late answer is due, and answer when it may be given.
	held, answer chan struct{}
}

func newRelay(t testing.TB) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{addr: l.Addr().String()}
	var all sync.WaitGroup
	var opened connections
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			opened.add(conn)
			all.Go(func() {
				defer conn.Close()
				r.converse(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		opened.hangUp()
		all.Wait()
	})
	return r
}

// behave sets the manner of what follows.
func (r *relay) behave(m manner) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.manner, r.held, r.answer = m, make(chan struct{}), make(chan struct{})
}

func (r *relay) now() manner {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.manner
}

// queue takes a copy, and reports whether it is answered with yes.
func (r *relay) queue(mark, to string) bool {
	r.mu.Lock()
	m, held, answer := r.manner, r.held, r.answer
	r.queued(mark, to)
	r.mu.Unlock()
	if m == answersLate || m == losesLate {
		close(held)
		<-answer
	}
	return m != losesAnswer && m != losesLate
}

func (r *relay) converse(conn net.Conn) {
	in := bufio.NewReader(conn)
	say := func(line string) { io.WriteString(conn, line+"\r\n") }
	if r.now() == refusesSession {
		say("421 4.3.2 busy")
		return
	}
	say("220 relay.example")
	mark, to, data := "", "", false
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSuffix(line, "\r\n")
		m := r.now()
		switch {
		case data && line == ".":
			data = false
			switch m {
			case defersData:
				say("451 4.3.0 later")
			case refusesData:
				say("554 5.6.0 never")
			case hangsUpAtData:
				return
			default:
				if !r.queue(mark, to) {
					return
				}
				say("250 2.0.0 queued")
			}
		case data:
			if text, found := strings.CutPrefix(line, "mark "); found {
				mark = text
			}
		case strings.HasPrefix(line, "EHLO"):
			say("250-relay.example")
			say("250-8BITMIME")
			say("250-PIPELINING")
			say("250 SMTPUTF8")
		case strings.HasPrefix(line, "RCPT TO:<"):
			to, _, _ = strings.Cut(strings.TrimPrefix(line, "RCPT TO:<"), ">")
			switch m {
			case defersRcpt:
				say("450 4.2.0 later")
			case refusesRcpt:
				say("550 5.1.1 never")
			default:
				say("250 2.1.5 Ok")
			}
		case line == "DATA":
			mark, data = "", true
			say("354 go on")
		case line == "QUIT":
			say("221 2.0.0 bye")
			return
		default:
			say("250 2.0.0 Ok")
		}
	}
}
