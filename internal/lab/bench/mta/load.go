package mta

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Load is what the clients do.
type Load struct {
	// Messages are sent in all, each to so many Recipients, with a text of Size octets, by so many Sessions at a time.
	Messages, Recipients, Size, Sessions int
	// Reconnect has every message come in a session of its own.
	Reconnect bool
}

// author may be written for by everybody on this host.
const author = "alice@example.org"

// recipient is the i-th one. Each has the same certificate.
func recipient(i int) string { return fmt.Sprintf("u%d@load.example", i) }

// letters are the messages of a run, no two of which are the same.
type letters struct {
	envelope, header, text string
	run                    int64
	next                   atomic.Int64
	load                   Load
}

// newLetters takes the number of a run that no other run has.
func newLetters(load Load, run int64) *letters {
	l := &letters{load: load, run: run}
	var envelope, named strings.Builder
	fmt.Fprintf(&envelope, "MAIL FROM:<%s>\r\n", author)
	for i := range load.Recipients {
		fmt.Fprintf(&envelope, "RCPT TO:<%s>\r\n", recipient(i))
		if i > 0 {
			named.WriteString(",\r\n ")
		}
		named.WriteString(recipient(i))
	}
	l.envelope = envelope.String() + "DATA\r\n"
	l.header = fmt.Sprintf("From: Alice <%s>\r\nTo: %s\r\nSubject: The figures of the last week\r\nDate: Mon, 2 Mar 2026 10:00:00 +0100\r\n"+
		"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nUser-Agent: client\r\n", author, named.String())
	const line = "The quick brown fox jumps over the lazy dog, again and again and again.\r\n"
	text := strings.Repeat(line, load.Size/len(line)+1)
	l.text = text[:max(0, load.Size-2)] + "\r\n"
	return l
}

// take returns the next message with what ends it, false after the last one.
func (l *letters) take() (string, bool) {
	n := l.next.Add(1)
	if n > int64(l.load.Messages) {
		return "", false
	}
	return fmt.Sprintf("%sMessage-ID: <%d.%d@client.example>\r\n\r\n%s.\r\n", l.header, l.run, n, l.text), true
}

// send hands in all messages, and returns how long each client waited for the answers to one, from its first octet.
func (l *letters) send(ctx context.Context, addr string) ([]time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var all []time.Duration
	var running sync.WaitGroup
	for range l.load.Sessions {
		running.Go(func() {
			waited, err := l.client(ctx, addr)
			if err != nil {
				cancel(err)
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, waited...)
		})
	}
	running.Wait()
	return all, context.Cause(ctx)
}

// client sends messages until there is none left.
func (l *letters) client(ctx context.Context, addr string) (waited []time.Duration, err error) {
	var s *session
	defer func() {
		if s != nil {
			s.close()
		}
	}()
	for {
		text, more := l.take()
		if !more {
			return waited, nil
		}
		began := time.Now()
		if s == nil {
			if s, err = connect(ctx, addr); err != nil {
				return waited, err
			}
		}
		if err := s.send(l.envelope, l.load.Recipients, text); err != nil {
			return waited, err
		}
		waited = append(waited, time.Since(began))
		if l.load.Reconnect {
			s.close()
			s = nil
		}
	}
}

// session is a client that costs as little as it can, for it has the processors with what is measured: it sends all
// commands in one go (RFC 2920) and looks at nothing but the codes.
type session struct {
	conn net.Conn
	in   *bufio.Reader
	stop func() bool
}

func connect(ctx context.Context, addr string) (*session, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &session{conn: conn, in: bufio.NewReader(conn), stop: context.AfterFunc(ctx, func() { conn.Close() })}
	if err = s.expect("220"); err == nil {
		if err = s.say("EHLO client.lab.test\r\n"); err == nil {
			err = s.expect("250")
		}
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *session) send(envelope string, recipients int, text string) error {
	if err := s.say(envelope); err != nil {
		return err
	}
	for range 1 + recipients {
		if err := s.expect("250"); err != nil {
			return err
		}
	}
	if err := s.expect("354"); err != nil {
		return err
	}
	if err := s.say(text); err != nil {
		return err
	}
	return s.expect("250")
}

func (s *session) say(text string) error {
	_, err := s.conn.Write([]byte(text))
	return err
}

// expect reads a reply with that code.
func (s *session) expect(code string) error {
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			return err
		}
		if !strings.HasPrefix(line, code) {
			return fmt.Errorf("not %s but: %s", code, strings.TrimSpace(line))
		}
		if !strings.HasPrefix(line[3:], "-") {
			return nil
		}
	}
}

// close says goodbye. That the server is gone already is no error.
func (s *session) close() {
	s.stop()
	_ = s.say("QUIT\r\n")
	s.conn.Close()
}
