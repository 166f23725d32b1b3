package scripted_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/lab/scripted"
)

// TestBadMilterIsReported shows each double a milter that breaks the protocol at the end of message. The client has to try
// again, nothing is delivered, and the double tells.
func TestBadMilterIsReported(t *testing.T) {
	for name, last := range map[string]string{
		"a recipient that is not there": frame('-', "<dave@example.net>\x00") + frame('c', ""),
		"all recipients":                frame('-', "<bob@example.net>\x00") + frame('c', ""),
		"a change after the body":       frame('b', "text\n") + frame('h', "X\x00 y\x00") + frame('c', ""),
		"a single %":                    frame('y', "550 5.7.1 100% no\x00"),
	} {
		for _, style := range []scripted.Style{scripted.LikePostfix, scripted.LikeSendmail} {
			m, sink := doubleWith(t, style, last)
			if reply := submit(t, m); reply.Code != 451 {
				t.Errorf("%s, %v: the client hears %s", name, style, reply)
			}
			if err := m.WaitEmpty(t.Context()); !errors.Is(err, scripted.ErrProtocol) {
				t.Errorf("%s, %v: the double tells of %v", name, style, err)
			}
			if got := sink.Deliveries(); len(got) > 0 {
				t.Errorf("%s, %v: %q", name, style, got[0].Data)
			}
		}
	}
}

func TestGoodMilterIsObeyed(t *testing.T) {
	m, sink := doubleWith(t, scripted.LikePostfix, frame('m', "\x00\x00\x00\x01Subject\x00 other\x00")+frame('p', "")+frame('b', "other\n")+frame('c', ""))
	if reply := submit(t, m); reply.Code != 250 {
		t.Errorf("the client hears %s", reply)
	}
	got := sink.Mailbox("bob@example.net")
	if len(got) != 1 || !strings.Contains(string(got[0].Data), "\r\nSubject: other\r\n") || !strings.HasSuffix(string(got[0].Data), "\r\n\r\nother\r\n") {
		t.Errorf("bob got %q", got)
	}
}

// TestDeadMilterDefersMail has no milter at all.
func TestDeadMilterDefersMail(t *testing.T) {
	m, _ := doubleWith(t, scripted.LikePostfix, "")
	if reply := submit(t, m); reply.Code != 451 {
		t.Errorf("a milter that hangs up at the end: %s", reply)
	}
	dead := labtest.Reserve(t)
	m = double(t, scripted.Config{Style: scripted.LikePostfix, Milter: dead})
	if reply := submit(t, m); reply.Code != 451 {
		t.Errorf("no milter: %s", reply)
	}
	// Nor does anybody come in at the door for copies.
	c, err := lab.Dial(t.Context(), m.CopiesAddr())
	said(t, err)
	defer c.Drop()
	_, err = c.Mail("alice@example.org")
	said(t, err)
	if reply, err := c.Rcpt("bob@example.net"); err != nil || reply.Code != 451 {
		t.Errorf("no guard: %s, %v", reply, err)
	}
}

// doubleWith starts a double with a milter that says continue to all but the end of message.
func doubleWith(t *testing.T, style scripted.Style, last string) (*scripted.MTA, *lab.Sink) {
	t.Helper()
	sink, err := lab.StartSink(lab.SinkConfig{})
	said(t, err)
	t.Cleanup(func() { sink.Close() })
	milter, err := lab.StartServer("tcp", "127.0.0.1:0", func(conn net.Conn) { yesMan(conn, last) })
	said(t, err)
	t.Cleanup(func() { milter.Close() })
	return double(t, scripted.Config{Style: style, Milter: milter.Addr, Relay: sink.Addr}), sink
}

func double(t *testing.T, config scripted.Config) *scripted.MTA {
	t.Helper()
	config.Copies = "127.0.0.1:0"
	m, err := scripted.Start(config)
	said(t, err)
	labtest.CloseAfter(t, m.Close)
	return m
}

// yesMan is a milter. It hangs up where it has nothing to say at the end.
func yesMan(conn net.Conn, last string) {
	defer conn.Close()
	for {
		var length [4]byte
		if _, err := io.ReadFull(conn, length[:]); err != nil {
			return
		}
		b := make([]byte, binary.BigEndian.Uint32(length[:]))
		if _, err := io.ReadFull(conn, b); err != nil {
			return
		}
		answer := frame('c', "")
		switch b[0] {
		case 'O':
			answer = agreement(6, 0x1f, scripted.LeadingSpace, "")
		case 'D', 'A':
			continue
		case 'Q':
			return
		case 'E':
			if answer = last; last == "" {
				return
			}
		}
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
	}
}

func submit(t *testing.T, m *scripted.MTA) lab.Reply {
	t.Helper()
	c, err := lab.Dial(t.Context(), m.SubmissionAddr())
	said(t, err)
	_, last, err := c.Send("alice@example.org", []string{"bob@example.net"}, []byte("Subject: s\r\n\r\ntext\r\n"))
	said(t, err)
	said(t, c.Quit())
	return last
}
