package scripted_test

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"sealmilter/internal/lab/scripted"
)

// retryAfterHangUp leaves while the program works on a whole message, and sends it again, again and again. In the end
// everybody has a copy.
func retryAfterHangUp(t *testing.T, b *bench) {
	l := b.write("bob@example.net", "erin@example.com", "dave@example.net", "quiet@example.com")
	const hangUps = 5
	for range hangUps {
		conn, c := b.upToTheEnd(t, l)
		_, err := io.WriteString(conn, frame('E', ""))
		said(t, err)
		said(t, c.Close())
	}
	checkRetry(t, l, b.retry(t, l), hangUps)
}

// retryAfterSomeCopies leaves when some copies have reached the next hop. The next try must not send them again.
func retryAfterSomeCopies(t *testing.T, b *bench) {
	const before = 10
	var to []string
	for n := range 4 * before {
		to = append(to, fmt.Sprintf("retry-%d@example.com", n))
	}
	l := b.write(to...)
	arrived := len(b.world.Sink.Deliveries())
	conn, c := b.upToTheEnd(t, l)
	_, err := io.WriteString(conn, frame('E', ""))
	said(t, err)
	_, err = b.world.Sink.Wait(t.Context(), arrived+before)
	said(t, err)
	said(t, c.Close())
	checkRetry(t, l, b.retry(t, l), 1)
}

// checkRetry checks who has got a copy of a letter after a number of hang-ups. One copy may be on its way at each, and
// nobody knows whether it has arrived: it is sent again.
func checkRetry(t *testing.T, l letter, got []string, hangUps int) {
	t.Helper()
	slices.Sort(got)
	once := slices.Compact(slices.Clone(got))
	if !slices.Equal(once, slices.Sorted(slices.Values(l.to))) || len(got) > len(once)+hangUps {
		t.Errorf("the letter went to %q", got)
	}
}

// upToTheEnd sends a letter without the end of message.
func (b *bench) upToTheEnd(t *testing.T, l letter) (net.Conn, *scripted.Conn) {
	t.Helper()
	conn := b.dial(t)
	c, err := scripted.Negotiate(conn, scripted.Everything())
	said(t, err)
	greet(t, c, trusted)
	envelope(t, c, l)
	shown(t, c, l.header(), l.body())
	return conn, c
}

// retry sends a letter until it passes, and returns who has got a copy in all, as often as they have got one.
func (b *bench) retry(t *testing.T, l letter) []string {
	t.Helper()
	for {
		_, c := b.upToTheEnd(t, l)
		edits, a, err := c.EndOfMessage(nil)
		said(t, err)
		said(t, c.Quit())
		switch {
		case a.Code == scripted.ReplyCode && strings.HasPrefix(a.Reply, "451 4.4.5 "):
			continue // An earlier try is in work.
		case a.Code == scripted.Discard:
			return b.keptCopies(t, l)
		}
		wants(t, scripted.Continue)(a, nil)
		m := applied(t, l, l.header(), edits)
		keeps(t, m, l)
		return append(b.keptCopies(t, l), trim(m.Recipients[0].Path))
	}
}
