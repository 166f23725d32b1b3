package postfix_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"sealmilter/internal/lab"
)

// door stands between Postfix and a milter where the loopback listener asks who may come in. It passes questions and
// answers on, but for a recipient whose copies a test wants to stop.
type door struct {
	addr string

	mu      sync.Mutex
	stopped []string      // the attributes of the question
	asked   chan struct{} // closed when the question comes
	held    string        // the question
	answer  chan string   // what is then said
	// forge changes a question before it is passed on.
	forge func(question string) string
}

// openDoor serves until the test ends. The milter at the other address may come and go.
func openDoor(t *testing.T, milter string) *door {
	t.Helper()
	d := &door{}
	server, err := lab.StartServer("tcp", "127.0.0.1:0", func(conn net.Conn) { d.serve(conn, milter) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	d.addr = server.Addr
	return d
}

// serve handles one connection of Postfix, of which those that speak the milter protocol are passed through.
func (d *door) serve(conn net.Conn, addr string) {
	milter, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer milter.Close()
	fromPostfix, fromMilter := bufio.NewReader(conn), bufio.NewReader(milter)
	if first, err := fromPostfix.Peek(1); err != nil {
		return
	} else if first[0] == 0 { // the length of a milter's frame
		done := make(chan struct{})
		go func() {
			defer close(done)
			io.Copy(milter, fromPostfix)
			milter.Close()
		}()
		io.Copy(conn, fromMilter)
		conn.Close()
		<-done
		return
	}
	for {
		question, err := readParagraph(fromPostfix)
		if err != nil {
			return
		}
		if answer, stop := d.stops(question); stop {
			fmt.Fprintf(conn, "action=%s\n\n", answer)
			continue
		}
		d.mu.Lock()
		if d.forge != nil {
			question = d.forge(question)
		}
		d.mu.Unlock()
		if _, err := io.WriteString(milter, question); err != nil {
			return
		}
		answer, err := readParagraph(fromMilter)
		if err != nil {
			return
		}
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
	}
}

// readParagraph reads lines up to an empty one.
func readParagraph(in *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return "", err
		}
		b.WriteString(line)
		if line == "\n" {
			return b.String(), nil
		}
	}
}

// closed is an answer that has a copy refused for now.
const closed = "451 4.3.2 The door is closed"

// meanwhile holds the next question about a recipient up while a function runs, and then answers it. The channel gets
// what the function returns.
func (d *door) meanwhile(ctx context.Context, recipient, action string, run func() error) <-chan error {
	return d.at(ctx, "RCPT", recipient, action, run)
}

// at does so with the next question about a recipient in a state of the dialogue, as Postfix names it.
func (d *door) at(ctx context.Context, state, recipient, action string, run func() error) <-chan error {
	asked, answer, result := make(chan struct{}), make(chan string, 1), make(chan error, 1)
	d.mu.Lock()
	d.stopped, d.asked, d.answer = []string{"protocol_state=" + state, "recipient=" + recipient}, asked, answer
	d.mu.Unlock()
	go func() {
		defer func() { answer <- action }()
		select {
		case <-asked:
			result <- run()
		case <-ctx.Done():
			result <- ctx.Err()
		}
	}()
	return result
}

// stops reports whether a question is the one that a test has stopped, and if so waits for the test's answer.
func (d *door) stops(question string) (answer string, stop bool) {
	d.mu.Lock()
	stop = d.stopped != nil && !slices.ContainsFunc(d.stopped, func(attribute string) bool {
		return !strings.Contains(question, "\n"+attribute+"\n")
	})
	asked, answers := d.asked, d.answer
	if stop {
		d.stopped, d.held = nil, question
	}
	d.mu.Unlock()
	if !stop {
		return "", false
	}
	close(asked)
	return <-answers, true
}
