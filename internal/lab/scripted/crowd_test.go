package scripted_test

import (
	"bytes"
	"fmt"
	"testing"
)

// manyConnections sends messages on several connections at a time.
func manyConnections(t *testing.T, b *bench) {
	const connections, messages = 6, 20
	var letters []letter
	for n := range connections * messages {
		to := []string{"bob@example.net", "erin@example.com", "dave@example.net", "quiet@example.com"}
		letters = append(letters, b.write(to[n%4], to[(n+1)%4]))
	}
	for n := range connections {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			c := b.connect(t, trusted)
			for i := range messages {
				at := i*connections + n // so that neighbours are in work together
				l := letters[at]
				others := append(append([]letter{}, letters[:at]...), letters[at+1:]...)
				envelope(t, c, l)
				keeps(t, content(t, c, l), l, others...)
				if got := b.keptCopies(t, l, others...); len(got) != 1 {
					t.Errorf("%s has copies for %q", l.id, got)
				}
			}
			said(t, c.Quit())
		})
	}
}

// manyRecipients sends a message to a hundred, all but the last of them hidden. Nobody may learn of any other. The message
// itself, whose Received field shows that it had several recipients, becomes the copy of the one whom everybody sees.
func manyRecipients(t *testing.T, b *bench) {
	hidden := []string{"bob@example.net", "dave@example.net"}
	for n := range 100 {
		hidden = append(hidden, fmt.Sprintf("hidden-%d@example.com", n))
	}
	l := b.write("erin@example.com")
	header := l.header()
	l.to = append(hidden[:len(hidden):len(hidden)], l.to...)
	c := b.connect(t, trusted)
	envelope(t, c, l)
	m := contentInPieces(t, c, l, header, [][]byte{l.body()}, nil)
	keeps(t, m, l)
	if to := m.Recipients[0].Path; to != "<erin@example.com>" {
		t.Errorf("the message itself is for %s", to)
	}
	texts := map[string][]byte{trim(m.Recipients[0].Path): m.Bytes()}
	b.keptCopies(t, l)
	for _, d := range b.copies(l) {
		texts[d.To] = d.Data
	}
	if len(texts) != len(l.to) {
		t.Errorf("%d of %d have got a copy", len(texts), len(l.to))
	}
	for to, text := range texts {
		for _, other := range hidden {
			if other != to && bytes.Contains(text, []byte(other)) {
				t.Errorf("%s learns of %s:\n%.2000s", to, other, text)
			}
		}
	}
	said(t, c.Quit())
}
