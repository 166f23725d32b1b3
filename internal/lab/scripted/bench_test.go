package scripted_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/lab/scenario"
	"sealmilter/internal/lab/scripted"
)

// The clients of scripts: one that may send without a login, on another host as it has no user here, and one that may not.
const (
	trusted  = "192.0.2.25:50025"
	stranger = "192.0.2.7:50025"
)

// TestScripts does to the program what no MTA does by itself, and looks for clear text where none may be and for one
// message in another.
func TestScripts(t *testing.T) {
	t.Parallel()
	w := stock.NewWorld(t.Context(), t, stock.Build(t, "-race"), false)
	p, err := w.Serve(t.Context(), "scripts", `senders.trust = ["192.0.2.25", "127.0.0.1"]
limits.message = 500000
limits.in_flight = 1700000
[[policy.rule]]
to = ["@bank.example"]
mode = "require"
[[policy.rule]]
to = ["@pass.example"]
mode = "pass"
`)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), labtest.Patience)
		defer cancel()
		err := p.Stop(ctx)
		if log := p.Log(); err != nil || t.Failed() {
			t.Errorf("%v\n%s", err, log[max(0, len(log)-4000):])
		}
	})
	m := start(t, w, scripted.Config{Style: scripted.LikeSendmail}) // takes the copies
	b := &bench{world: w}
	for _, s := range []struct {
		name string
		play func(*testing.T, *bench)
	}{
		{"many messages", manyMessages},
		{"soup", soup},
		{"cut bodies", cutBodies},
		{"hanging up", hangUp},
		{"retry after hang-up", retryAfterHangUp},
		{"retry after some copies", retryAfterSomeCopies},
		{"missing fields", missingFields},
		{"missing macros", missingMacros},
		{"unknown commands", unknownCommands},
		{"new connection", newConnection},
		{"slow reader", slowReader},
		{"repeated fields", repeatedFields},
		{"mode pass", modePass},
		{"named twice", namedTwice},
		{"leftovers", leftovers},
		{"submitter", submitter},
		{"abandoned", abandoned},
		{"left in the answer", leftInTheAnswer},
		{"too few terms", tooFewTerms},
		{"too large", tooLarge},
		{"many connections", manyConnections},
		{"many recipients", manyRecipients},
		{"refusals", refusals},
		{"stranger at the door", strangerAtTheDoor},
	} {
		t.Run(s.name, func(t *testing.T) {
			s.play(t, b)
			if err := m.WaitEmpty(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// bench is the program under test.
type bench struct {
	world *scenario.World
	// letters counts those written, so that no two are alike.
	letters int
}

// letter is a message with a text that is in no other one.
type letter struct {
	id      string
	secret  string
	to      []string
	subject string
}

// write writes a letter from alice.
func (b *bench) write(to ...string) letter {
	b.letters++
	n := b.letters
	return letter{
		id:      fmt.Sprintf("<letter-%d@client.example>", n),
		secret:  fmt.Sprintf("secret-%d-%x", n, n*n*7919),
		subject: fmt.Sprintf("subject-%d-%x", n, n*n*104729),
		to:      to,
	}
}

func (l letter) header() []scripted.Field {
	return []scripted.Field{
		{Name: "From", Value: " Alice <alice@example.org>"},
		{Name: "To", Value: " " + strings.Join(l.to, ",\n ")},
		{Name: "Subject", Value: " " + l.subject},
		{Name: "Date", Value: " Mon, 2 Mar 2026 10:00:00 +0100"},
		{Name: "Message-ID", Value: " " + l.id},
		{Name: "X-Letter", Value: " " + l.id},
	}
}

func (l letter) body() []byte { return []byte("Dear all,\r\n\r\n" + l.secret + "\r\n.\r\n") }

// mentions reports whether a text tells of the letter.
func (l letter) mentions(text []byte) bool {
	return bytes.Contains(text, []byte(l.secret)) || bytes.Contains(text, []byte(l.subject))
}

// keyed reports whether a recipient has a key in a [scenario.World].
func keyed(path string) bool {
	return strings.EqualFold(path, "<bob@example.net>") || strings.EqualFold(path, "<dave@example.net>")
}

// dial opens a connection to the program.
func (b *bench) dial(t testing.TB) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", b.world.Listen)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// connect opens a session up to HELO on a new connection.
func (b *bench) connect(t testing.TB, client string) *scripted.Conn {
	t.Helper()
	c, err := scripted.Negotiate(b.dial(t), scripted.Everything())
	if err != nil {
		t.Fatal(err)
	}
	greet(t, c, client)
	return c
}

// greet begins an SMTP session.
func greet(t testing.TB, c *scripted.Conn, client string) {
	t.Helper()
	said(t, c.Macros('C', "v", "8.17.1.9", "{daemon_name}", "smtpd"))
	wants(t, scripted.Continue)(c.Connect("localhost", netip.MustParseAddrPort(client)))
	wants(t, scripted.Continue)(c.Helo("client.example"))
}

// envelope begins a letter after a login as alice.
func envelope(t testing.TB, c *scripted.Conn, l letter) {
	t.Helper()
	said(t, c.Macros('M', "i", "Q"+l.secret, "{auth_authen}", "alice"))
	wants(t, scripted.Continue)(c.Mail("<alice@example.org>"))
	for _, to := range l.to {
		wants(t, scripted.Continue)(c.Rcpt("<" + to + ">"))
	}
	wants(t, scripted.Continue)(c.Data())
}

// content sends a letter after its envelope, and returns what the MTA has in its hands afterwards.
func content(t *testing.T, c *scripted.Conn, l letter) *scripted.Message {
	t.Helper()
	return contentInPieces(t, c, l, l.header(), [][]byte{l.body()}, nil)
}

// contentInPieces sends the rest with the end of message.
func contentInPieces(t *testing.T, c *scripted.Conn, l letter, header []scripted.Field, pieces [][]byte, rest []byte) *scripted.Message {
	t.Helper()
	shown(t, c, header, pieces...)
	edits, a, err := c.EndOfMessage(rest)
	wants(t, scripted.Continue)(a, err)
	return applied(t, l, header, edits)
}

// shown sends a header and pieces of a body, all of which are taken.
func shown(t testing.TB, c *scripted.Conn, header []scripted.Field, pieces ...[]byte) {
	t.Helper()
	for _, f := range header {
		wants(t, scripted.Continue)(c.Field(f.Name, f.Value))
	}
	wants(t, scripted.Continue)(c.EndOfHeader())
	for _, piece := range pieces {
		wants(t, scripted.Continue)(c.Body(piece))
	}
}

// applied is the letter after the program's changes, in the MTA's hands. It must be the same in those of either.
func applied(t *testing.T, l letter, header []scripted.Field, edits []scripted.Edit) *scripted.Message {
	t.Helper()
	var hands [2]scripted.Message
	for i, style := range []scripted.Style{scripted.LikePostfix, scripted.LikeSendmail} {
		m := &hands[i]
		m.Sender, m.Header, m.Body = "<alice@example.org>", slices.Clone(header), l.body()
		for _, to := range l.to {
			m.Recipients = append(m.Recipients, scripted.Recipient{Path: "<" + to + ">"})
		}
		if err := m.Apply(edits, style); err != nil {
			t.Errorf("%v: %v", style, err)
		}
	}
	if a, b := hands[0].Bytes(), hands[1].Bytes(); !bytes.Equal(a, b) {
		t.Errorf("%s is one message to Postfix and another to sendmail:\n%.2000s\n---\n%.2000s", l.id, a, b)
	}
	return &hands[0]
}

// keeps checks what section 4 of the design promises of a message in the MTA's hands: no clear text for those with a
// key, and nothing of another letter for anybody.
func keeps(t *testing.T, m *scripted.Message, l letter, others ...letter) {
	t.Helper()
	text := m.Bytes()
	if len(m.Recipients) != 1 {
		t.Errorf("%s goes to %d recipients", l.id, len(m.Recipients))
	}
	for _, to := range m.Recipients {
		checkText(t, to.Path, text, l, others)
	}
}

// keptCopies checks the copies of a letter that were delivered in their own transactions, and returns their recipients.
func (b *bench) keptCopies(t *testing.T, l letter, others ...letter) (recipients []string) {
	t.Helper()
	for _, d := range b.copies(l) {
		checkText(t, "<"+d.To+">", d.Data, l, others)
		recipients = append(recipients, d.To)
	}
	return recipients
}

// copies returns the copies of a letter that have come to the next hop.
func (b *bench) copies(l letter) (all []lab.Delivery) {
	for _, d := range b.world.Sink.Deliveries() {
		if bytes.Contains(d.Data, []byte(l.id)) {
			all = append(all, d)
		}
	}
	return all
}

func checkText(t *testing.T, path string, text []byte, l letter, others []letter) {
	t.Helper()
	if !keyed(path) && !bytes.Contains(text, []byte(l.secret)) {
		t.Errorf("%s goes to %s without its text:\n%.2000s", l.id, path, text)
	}
	checkSealed(t, path, text, l, others)
}

// checkSealed is for a letter that may have lost some of its parts before the program saw it.
func checkSealed(t *testing.T, path string, text []byte, l letter, others []letter) {
	t.Helper()
	switch {
	case keyed(path) && (l.mentions(text) || !bytes.Contains(text, []byte("\r\n-----BEGIN PGP MESSAGE-----\r\n"))):
		t.Errorf("%s goes to %s in clear text:\n%.2000s", l.id, path, text)
	case !keyed(path) && !bytes.Contains(text, []byte("\r\n-----BEGIN PGP SIGNATURE-----\r\n")):
		t.Errorf("%s goes to %s without a signature:\n%.2000s", l.id, path, text)
	}
	for _, other := range others {
		if other.mentions(text) || bytes.Contains(text, []byte(other.id)) {
			t.Errorf("%s to %s tells of %s:\n%.2000s", l.id, path, other.id, text)
		}
	}
}

// wants returns a check of an answer.
func wants(t testing.TB, code scripted.AnswerCode) func(scripted.Answer, error) {
	return func(a scripted.Answer, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if a.Code != code {
			t.Fatalf("the answer is %c %s, not %c", a.Code, a.Reply, code)
		}
	}
}

func said(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
