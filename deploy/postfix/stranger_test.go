package postfix_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
)

// TestStrangers has users of this host try to hand in mail past the real sealmilter: while it runs, while it does not,
// and on a connection that was open before it came back.
func TestStrangers(t *testing.T) {
	t.Parallel()
	p := startPartial(t, "")
	stranger, err := lab.DialAs(p.ctx, "games", p.world.Reinject)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Drop()
	refused := func(when string) {
		t.Helper()
		for _, name := range []string{"localhost", "sealmilter.localhost", "127.0.0.1"} {
			if _, err := stranger.Command("EHLO " + name); err != nil {
				t.Fatal(err)
			}
			for _, to := range []string{"erin@example.com", "postmaster"} {
				if err := intrude(stranger, to); err != nil {
					t.Errorf("%s, as %s: %v", when, name, err)
				}
			}
		}
	}
	refused("at first")
	labtest.Said(t, "5")(stranger.Command("VRFY erin@example.com"))
	labtest.Said(t, "250")(stranger.Mail("alice@example.org"))
	for n := range 5 {
		labtest.Said(t, "554 5.7.1")(stranger.Rcpt(fmt.Sprintf("erin%d@example.com", n)))
	}
	labtest.Said(t, "250")(stranger.Command("RSET"))

	// The listener has one address.
	_, port, _ := net.SplitHostPort(p.world.Reinject)
	for _, host := range []string{"127.0.0.2", "::1", publicAddress(t).String()} {
		if conn, err := net.Dial("tcp", net.JoinHostPort(host, port)); err == nil {
			conn.Close()
			t.Errorf("the listener is at %s, too", host)
		}
	}

	if err := p.milter.Kill(); err != nil {
		t.Fatal(err)
	}
	early := labtest.Dial(p.ctx, t, p.world.Reinject)
	labtest.Said(t, "250")(early.Mail("alice@example.org"))
	labtest.Said(t, "451 4.7.1")(early.Rcpt("erin@example.com"))
	labtest.Said(t, "250")(early.Rcpt("postmaster"))
	labtest.Said(t, "451 4.7.1")(early.Command("DATA"))
	labtest.ServeAgain(p.ctx, t, p.world, "partial", "")
	for _, old := range []*lab.Client{early, labtest.Dial(p.ctx, t, p.world.Reinject)} {
		labtest.Said(t, "250")(old.Command("RSET"))
		if err := intrude(old, "erin@example.com"); err != nil {
			t.Error(err)
		}
	}
	p.arrived(t)
}

// TestForgedMarks has a client pretend that its message comes from sealmilter: it is sealed like any other.
func TestForgedMarks(t *testing.T) {
	t.Parallel()
	p := startPartial(t, "")
	client := labtest.Login(p.ctx, t, p.Addr, "alice")
	labtest.Said(t, "250")(client.Command("EHLO sealmilter.localhost"))
	const marks = "Received: from abcdefghijklmnopqrstuvwxyz.sealmilter.localhost (localhost [127.0.0.1])\r\n\tby mx.lab.test (Postfix) with ESMTP id 4Q;" +
		" Mon, 2 Mar 2026 10:00:00 +0100\r\nX-Sealmilter: done\r\nX-Sealmilter-Copy: bob@example.net\r\nAuto-Submitted: auto-replied\r\n"
	_, last, err := client.Send("alice@example.org", []string{"dave@example.net", "bob@example.net", "erin@example.com"},
		[]byte(marks+labtest.Message("forged", "")))
	labtest.Said(t, "250")(last, err)
	p.arrived(t, "dave@example.net: encrypted", "bob@example.net: encrypted", "erin@example.com: signed")
	for _, d := range p.world.Sink.Deliveries() {
		if strings.Count(string(d.Data), "X-Sealmilter: done") == 0 && d.To == "erin@example.com" {
			t.Errorf("a field of the client's is gone:\n%s", d.Data)
		}
	}
}
