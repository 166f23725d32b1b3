package postfix_test

import "testing"

// The recipients of a message that fails half-way. The hidden one has a key and gets the first copy; the visible one
// with a key gets the message itself, which is the last one.
const hidden, keyed, keyless = "dave@example.net", "bob@example.net", "erin@example.com"

// half is what is on its way when the copy to the keyless recipient fails, and rest what is then missing.
var (
	half = []string{hidden + ": encrypted"}
	rest = []string{keyed + ": encrypted", keyless + ": signed"}
)

// threefold is a message to all of them.
func threefold(id, reply string, got []string) letter {
	return letter{id: id, to: []string{keyed, keyless}, bcc: []string{hidden}, reply: reply, got: got}
}

// enrolAll gives keys to whom they are promised.
func (c *cluster) enrolAll(t *testing.T) {
	t.Helper()
	enrol(t, c.ctx, c.Cluster, c.a, "alice@example.org")
	join(t, c.ctx, c.Cluster, c.a, keyed)
	join(t, c.ctx, c.Cluster, c.b, hidden)
}

// retry has the loopback listener of one host refuse a copy when another has left. The client, told to try again, does
// so through the other host: every mailbox has the message once. If it misses the reply and comes back once more, it gets
// what a client gets from any mail server, the message itself again, but no further copy.
func (c *cluster) retry(t *testing.T) {
	c.serve(t, "")
	c.enrolAll(t)
	c.a.door.meanwhile(c.ctx, keyless, closed, func() error { return nil })
	submit(t, c.ctx, c.Cluster, c.a, threefold("retry", "451 4.3.2", half))
	submit(t, c.ctx, c.Cluster, c.b, threefold("retry", "250", rest))
	submit(t, c.ctx, c.Cluster, c.a, threefold("retry", "250", rest[:1]))
	// Another message of the same people is not taken for it.
	submit(t, c.ctx, c.Cluster, c.a, threefold("another", "250", append(half, rest...)))
}

// killed is the same with a milter that is killed between two copies. The other host cannot know that it is dead, and asks
// the client to wait; its own host knows.
func (c *cluster) killed(t *testing.T) {
	c.serve(t, "")
	c.enrolAll(t)
	killed := c.a.door.meanwhile(c.ctx, keyless, closed, c.a.Kill)
	submit(t, c.ctx, c.Cluster, c.a, threefold("killed", "451", half))
	if err := <-killed; err != nil {
		t.Fatal(err)
	}
	submit(t, c.ctx, c.Cluster, c.b, threefold("killed", "451 4.4.5", nil))
	if err := c.a.Serve(c.ctx); err != nil {
		t.Fatal(err)
	}
	submit(t, c.ctx, c.Cluster, c.a, threefold("killed", "250", rest))
	submit(t, c.ctx, c.Cluster, c.b, threefold("killed", "250", rest[:1]))
}
