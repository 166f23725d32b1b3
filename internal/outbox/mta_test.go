package outbox_test

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// mta is a listener whose replies a test decides on.
type mta struct {
	addr string
	// answer returns the reply to a command, to EHLO without its name, to the first line of a message, which is called
	// "text", or to the final dot, which is called ".". The usual reply is "", and "hang up" is none. It is called by one
	// connection at a time.
	answer func(command string) string
	// dot is called with the recipient for each final dot, if it is set, by all connections at the same time. What it
	// returns is like what answer does, which is not called then.
	dot func(to string) string

	answering sync.Mutex // held while answer is called
	mu        sync.Mutex
	// queued has the recipients of the messages whose final dot has come.
	queued []string
	opened connections
}

// connections are all those that a listener has taken.
type connections struct {
	mu  sync.Mutex
	all []net.Conn
}

func (c *connections) add(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, conn)
}

// hangUp ends all connections.
func (c *connections) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.all {
		conn.Close()
	}
}

func (c *connections) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.all)
}

const hangUp = "hang up"

func newMTA(t *testing.T, answer func(command string) string) *mta {
	t.Helper()
	return startMTA(t, &mta{answer: answer})
}

// startMTA has it listen until the test ends.
func startMTA(t *testing.T, m *mta) *mta {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.addr = l.Addr().String()
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			m.opened.add(conn)
			all.Go(func() {
				defer conn.Close()
				m.converse(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		m.opened.hangUp()
		all.Wait()
	})
	return m
}

// reply says what the test wants, or else the usual, and reports whether the conversation goes on.
func (m *mta) reply(conn net.Conn, command, usual string) bool {
	said := ""
	if verb, _, _ := strings.Cut(command, " "); verb == "EHLO" {
		command = verb
	}
	if m.answer != nil {
		m.answering.Lock()
		said = m.answer(command)
		m.answering.Unlock()
	}
	if said == "" {
		said = usual
	}
	if said == hangUp {
		return false
	}
	if said != "" {
		io.WriteString(conn, said+"\r\n")
	}
	return true
}

func (m *mta) converse(conn net.Conn) {
	in := bufio.NewReader(conn)
	if !m.reply(conn, "connect", "220 queue.example") {
		return
	}
	to, data, first := "", false, false
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSuffix(line, "\r\n")
		usual := "250 2.0.0 Ok"
		switch {
		case data && line != ".":
			if first && !m.reply(conn, "text", "") {
				return
			}
			first = false
			continue
		case data:
			data = false
			m.mu.Lock()
			m.queued = append(m.queued, to)
			m.mu.Unlock()
			if m.dot != nil {
				if said := m.dot(to); said != "" {
					usual = said
				}
				if usual == hangUp {
					return
				}
				io.WriteString(conn, usual+"\r\n")
				continue
			}
		case line == "DATA":
			data, first, usual = true, true, "354 go on"
		case strings.HasPrefix(line, "RCPT TO:"):
			to, _, _ = strings.Cut(strings.TrimPrefix(line, "RCPT TO:<"), ">")
		case line == "QUIT":
			usual = "221 bye"
		}
		if !m.reply(conn, line, usual) || line == "QUIT" {
			return
		}
	}
}

// copies are the recipients of the messages whose final dot has come, with blanks between.
func (m *mta) copies() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.queued, " ")
}

// halfway is a body in the middle of which something happens.
type halfway func()

func (happen halfway) WriteTo(w io.Writer) (int64, error) {
	half := strings.Repeat(strings.Repeat("x", 70)+"\r\n", 2000) // fits into no buffer of this process
	n, err := io.WriteString(w, half)
	if err != nil {
		return int64(n), err
	}
	happen()
	m, err := io.WriteString(w, half)
	return int64(n + m), err
}
