package scripted_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/lab/scenario"
	"sealmilter/internal/lab/scripted"
)

// TestLimits goes over each limit of the program, and comes back later.
func TestLimits(t *testing.T) {
	t.Parallel()
	program := stock.Build(t)
	for _, style := range []scripted.Style{scripted.LikePostfix, scripted.LikeSendmail} {
		t.Run(style.String(), func(t *testing.T) {
			t.Parallel()
			w := stock.NewWorld(t.Context(), t, program, false)
			t.Run("recipients", func(t *testing.T) { tooManyRecipients(t, w, style) })
			t.Run("connections", func(t *testing.T) { tooManyConnections(t, w, style) })
			t.Run("in flight", func(t *testing.T) { tooMuchInFlight(t, w, style) })
			t.Run("duration", func(t *testing.T) { tooLong(t, w, style) })
		})
	}
}

// limited starts the program with limits, and a double.
func limited(t *testing.T, w *scenario.World, style scripted.Style, limits string) *scripted.MTA {
	t.Helper()
	labtest.Serve(t.Context(), t, w, strings.ReplaceAll(t.Name(), "/", "-"), "senders.trust = [\"192.0.2.25\", \"127.0.0.1\"]\n[limits]\n"+limits)
	return start(t, w, scripted.Config{Style: style})
}

// login opens a session in which alice has logged in.
func login(t *testing.T, m *scripted.MTA) *lab.Client {
	t.Helper()
	c, err := lab.Dial(t.Context(), m.SubmissionAddr())
	said(t, err)
	t.Cleanup(c.Drop)
	reply, err := c.AuthPlain("alice", "alice")
	said(t, err)
	if reply.Code != 235 {
		t.Fatal(reply)
	}
	return c
}

func letterText(id, text string) []byte {
	return fmt.Appendf(nil, "From: alice@example.org\r\nTo: bob@example.net\r\nSubject: s\r\nMessage-ID: <%s@client.example>\r\n\r\n%s\r\n", id, text)
}

// tooManyRecipients has the client send to the last one by itself (RFC 5321, section 4.5.3.1.10).
func tooManyRecipients(t *testing.T, w *scenario.World, style scripted.Style) {
	m := limited(t, w, style, "recipients = 3\n")
	c := login(t, m)
	rcpt, last, err := c.Send("alice@example.org", []string{"a@example.com", "b@example.com", "bob@example.net", "late@example.com"}, letterText("recipients", "text"))
	said(t, err)
	if late := rcpt[3]; last.Code != 250 || rcpt[2].Code != 250 || late.Code != 452 || !strings.Contains(late.String(), "4.5.3") {
		t.Errorf("the answers are %v, %s", rcpt, last)
	}
	if _, last, err = c.Send("alice@example.org", []string{"late@example.com"}, letterText("recipients", "text")); err != nil || last.Code != 250 {
		t.Errorf("the answer is %s, %v", last, err)
	}
	said(t, m.WaitEmpty(t.Context()))
}

// tooManyConnections: no mail passes the program unseen while it takes no connections.
func tooManyConnections(t *testing.T, w *scenario.World, style scripted.Style) {
	m := limited(t, w, style, "connections = 2\n")
	b := &bench{world: w}
	held := []*scripted.Conn{b.connect(t, trusted), b.connect(t, trusted)}
	arrived := len(w.Sink.Deliveries())
	refused := func() bool {
		c, err := lab.Dial(t.Context(), m.SubmissionAddr())
		said(t, err)
		defer c.Drop()
		_, last, err := c.Send("alice@example.org", []string{"bob@example.net", "erin@example.com"}, letterText("connections", "text"))
		said(t, err)
		switch last.Code {
		case 250:
			return false
		case 451:
			return true
		default:
			t.Fatalf("the answer is %s", last)
			return false
		}
	}
	if !refused() || len(w.Sink.Deliveries()) > arrived {
		t.Errorf("the message has passed by a program that takes no connections: %d", len(w.Sink.Deliveries())-arrived)
	}
	said(t, held[0].Quit())
	for refused() { // until the program has taken note
	}
	said(t, m.WaitEmpty(t.Context()))
}

// tooMuchInFlight has clients that all come at once, and try again like clients do. There is room for two messages.
func tooMuchInFlight(t *testing.T, w *scenario.World, style scripted.Style) {
	const clients, size = 8, 300_000
	m := limited(t, w, style, fmt.Sprintf("message = %d\nin_flight = %d\n", size*3/2, size*5/2))
	b := &bench{world: w}
	text := strings.Repeat(strings.Repeat("x", 70)+"\r\n", size/72)

	// While somebody else holds all of it, everybody is told to come again.
	big := b.connect(t, trusted)
	envelope(t, big, b.write("bob@example.net"))
	shown(t, big, []scripted.Field{{Name: "From", Value: " alice@example.org"}})
	other := b.connect(t, trusted)
	envelope(t, other, b.write("bob@example.net"))
	shown(t, other, []scripted.Field{{Name: "From", Value: " alice@example.org"}})
	for _, c := range []*scripted.Conn{big, other} {
		for _, piece := range scripted.Pieces([]byte(text)) {
			wants(t, scripted.Continue)(c.Body(piece))
		}
	}
	c := login(t, m)
	_, last, err := c.Send("alice@example.org", []string{"bob@example.net"}, letterText("in-flight", text))
	said(t, err)
	if last.Code != 452 || !strings.Contains(last.String(), "4.3.1") {
		t.Errorf("the answer is %s", last)
	}
	said(t, big.Quit())
	said(t, other.Abort())
	said(t, other.Quit())

	var all sync.WaitGroup
	for n := range clients {
		c := login(t, m)
		all.Go(func() {
			for {
				_, last, err := c.Send("alice@example.org", []string{"bob@example.net", "erin@example.com"}, letterText(fmt.Sprint("in-flight-", n), text))
				if err != nil || last.Code != 452 {
					if err != nil || last.Code != 250 {
						t.Errorf("the answer is %s, %v", last, err)
					}
					return
				}
			}
		})
	}
	all.Wait()
	for n := range clients {
		id := fmt.Sprintf("<in-flight-%d@client.example>", n)
		for _, mailbox := range []string{"bob@example.net", "erin@example.com"} {
			copies := 0
			for _, d := range w.Sink.Mailbox(mailbox) {
				if bytes.Contains(d.Data, []byte(id)) {
					copies++
				}
			}
			if copies != 1 {
				t.Errorf("%s has %d copies of %s", mailbox, copies, id)
			}
		}
	}
	said(t, m.WaitEmpty(t.Context()))
}

// tooLong has a listener for copies that never says a word. The client is told before it gives up, and its next try
// completes the message.
func tooLong(t *testing.T, w *scenario.World, style scripted.Style) {
	dumb, err := lab.StartServer("tcp", w.Reinject, func(c net.Conn) { io.Copy(io.Discard, c) })
	said(t, err)
	p := labtest.Serve(t.Context(), t, w, "duration-"+style.String(), "senders.trust = [\"192.0.2.25\", \"127.0.0.1\"]\nlimits.duration = \"1s\"\n")
	b := &bench{world: w}
	l := b.write("bob@example.net", "erin@example.com")
	_, c := b.upToTheEnd(t, l)
	edits, a, err := c.EndOfMessage(nil)
	said(t, err)
	if len(edits) != 0 || a.Code != scripted.ReplyCode || !strings.HasPrefix(a.Reply, "451 4.") || !strings.Contains(a.Reply, "in time") {
		t.Errorf("the answer is %c %s", a.Code, a.Reply)
	}
	said(t, p.WaitLog(t.Context(), "the time for a message was up"))
	if log := p.Log(); !strings.Contains(log, "queue_id=Q"+l.secret) || !strings.Contains(log, w.Reinject) {
		t.Errorf("the log does not say what was waited for:\n%s", log)
	}
	said(t, dumb.Close())
	m := start(t, w, scripted.Config{Style: style})
	if got := b.retry(t, l); len(got) != len(l.to) {
		t.Errorf("the letter went to %q", got)
	}
	said(t, m.WaitEmpty(t.Context()))
}
