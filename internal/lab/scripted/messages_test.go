package scripted_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/scripted"
)

// random returns a generator whose seed is printed, and taken from SEED if that is set.
func random(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// manyMessages sends two hundred messages on one connection, some of which the client takes back in the middle.
func manyMessages(t *testing.T, b *bench) {
	r := random(t)
	people := []string{"bob@example.net", "dave@example.net", "erin@example.com", "quiet@example.com"}
	c := b.connect(t, trusted)
	var before []letter
	whole := 0
	for range 200 {
		r.Shuffle(len(people), func(i, j int) { people[i], people[j] = people[j], people[i] })
		l := b.write(slices.Clone(people[:1+r.IntN(3)])...)
		envelope(t, c, l)
		if r.IntN(4) == 0 {
			takeBack(t, c, l, r.IntN(4), c.Abort)
		} else {
			m := content(t, c, l)
			keeps(t, m, l, before...)
			got := append(b.keptCopies(t, l, before...), trim(m.Recipients[0].Path))
			if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(l.to))) {
				t.Errorf("%s went to %q, not to %q", l.id, got, l.to)
			}
			whole++
		}
		before = append(before, l)
	}
	if whole < 100 {
		t.Errorf("only %d messages were sent", whole)
	}
	said(t, c.Quit())
}

// takeBack sends the beginning of a letter and ends it before its time.
func takeBack(t *testing.T, c *scripted.Conn, l letter, parts int, end func() error) {
	t.Helper()
	if parts > 0 {
		for _, f := range l.header() {
			wants(t, scripted.Continue)(c.Field(f.Name, f.Value))
		}
	}
	if parts > 1 {
		wants(t, scripted.Continue)(c.EndOfHeader())
	}
	if parts > 2 {
		wants(t, scripted.Continue)(c.Body(l.body()))
	}
	said(t, end())
}

func trim(path string) string { return path[1 : len(path)-1] }

// unknownCommands puts commands that nobody knows between all the others.
func unknownCommands(t *testing.T, b *bench) {
	l := b.write("bob@example.net")
	c := b.connect(t, trusted)
	unknown := func() { wants(t, scripted.Continue)(c.Unknown("XYZZY please")) }
	unknown()
	said(t, c.Macros('M', "{auth_authen}", "alice"))
	wants(t, scripted.Continue)(c.Mail("<alice@example.org>"))
	unknown()
	wants(t, scripted.Continue)(c.Rcpt("<bob@example.net>"))
	unknown()
	wants(t, scripted.Continue)(c.Data())
	keeps(t, content(t, c, l), l)
	unknown()
	said(t, c.Quit())
}

// newConnection lets a stranger follow on the connection of a client that has logged in: after a whole message, and in the
// middle of one.
func newConnection(t *testing.T, b *bench) {
	first, second := b.write("erin@example.com"), b.write("bob@example.net")
	c := b.connect(t, trusted)
	envelope(t, c, first)
	keeps(t, content(t, c, first), first)
	for _, parts := range []int{-1, 0, 1, 2, 3} {
		if parts >= 0 {
			envelope(t, c, first)
			takeBack(t, c, first, parts, c.QuitNewConnection)
		} else {
			said(t, c.QuitNewConnection())
		}
		greet(t, c, stranger)
		// The stranger's mail is let through unseen, which it would not be with the login of the one before.
		wants(t, scripted.Accept)(c.Mail("<somebody@elsewhere.example>"))
		said(t, c.QuitNewConnection())
		greet(t, c, trusted)
		envelope(t, c, second)
		keeps(t, content(t, c, second), second, first)
		second = b.write("bob@example.net")
	}
	said(t, c.Quit())
}

// missingMacros leaves out what an MTA may leave out. Who has logged in must be told anew for each message.
func missingMacros(t *testing.T, b *bench) {
	terms := scripted.Everything()
	terms.Actions &^= scripted.ChooseMacros
	c, err := scripted.Negotiate(b.dial(t), terms)
	said(t, err)
	wants(t, scripted.Continue)(c.Connect("client.example", addrPort(stranger)))
	wants(t, scripted.Continue)(c.Helo("client.example"))

	l := b.write("bob@example.net")
	envelope(t, c, l)
	keeps(t, content(t, c, l), l)

	wants(t, scripted.Accept)(c.Mail("<alice@example.org>")) // not with the login of the first message
	said(t, c.Abort())
	envelope(t, c, l)
	said(t, c.Abort())
	wants(t, scripted.Accept)(c.Mail("<alice@example.org>")) // nor with that of the one taken back
	said(t, c.Macros('M'))
	wants(t, scripted.Accept)(c.Mail("<alice@example.org>"))
	said(t, c.Quit())

	// A client without an address that has not logged in could be anybody.
	c, err = scripted.Negotiate(b.dial(t), terms)
	said(t, err)
	wants(t, scripted.Continue)(c.Connect("unknown", noAddrPort))
	wants(t, scripted.Continue)(c.Helo("client.example"))
	wants(t, scripted.ReplyCode)(c.Mail("<alice@example.org>"))
	said(t, c.Quit())

	// A stranger at the door for copies is sent away, an abort and a second try do not help.
	c, err = scripted.Negotiate(b.dial(t), terms)
	said(t, err)
	said(t, c.Macros('C', "{daemon_name}", "SEALCOPIES"))
	wants(t, scripted.Continue)(c.Connect("localhost", addrPort(trusted)))
	for range 2 {
		said(t, c.Macros('M', "{auth_authen}", "alice"))
		wants(t, scripted.ReplyCode)(c.Mail("<alice@example.org>"))
		said(t, c.Abort())
	}
	said(t, c.Quit())
}

// strangerAtTheDoor comes to the MTA's listener for copies, guarded in the manner of either MTA, and is sent away at
// the latest at RCPT; a recipient without a domain, which Postfix lets everybody past its other guards with, does not help.
func strangerAtTheDoor(t *testing.T, b *bench) {
	for _, style := range []scripted.Style{scripted.LikePostfix, scripted.LikeSendmail} {
		m := double(t, scripted.Config{Style: style, Milter: b.world.Listen, Relay: b.world.Sink.Addr})
		for _, to := range []string{"bob@example.net", "postmaster"} {
			c, err := lab.Dial(t.Context(), m.CopiesAddr())
			said(t, err)
			rcpt, last, err := c.Send("alice@example.org", []string{to}, []byte("From: alice@example.org\r\n\r\ntext\r\n"))
			said(t, err)
			if last.Code/100 != 5 && (len(rcpt) == 0 || rcpt[0].Code/100 != 5) {
				t.Errorf("%v: a stranger hears %v %s", style, rcpt, last)
			}
			said(t, c.Quit())
		}
	}
}
