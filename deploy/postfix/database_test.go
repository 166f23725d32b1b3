package postfix_test

import (
	"context"
	"errors"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"sealmilter/internal/lab/labtest"
)

// outage stops the database server. Every mode answers 451 to the first question that needs it, local programs' mail
// waits, and when the server is back everything goes on by itself.
func (c *cluster) outage(t *testing.T) {
	c.serve(t, `
[[policy.rule]]
to = ["@sign.example"]
mode = "sign"
[[policy.rule]]
to = ["@require.example"]
mode = "require"
`)
	c.enrolAll(t)
	submit(t, c.ctx, c.Cluster, c.a, threefold("before", "250", append(half, rest...)))
	ready(t, c.ctx, c.a, http.StatusOK, "ready")

	c.stop(t)
	ready(t, c.ctx, c.a, http.StatusServiceUnavailable, "check that the database server runs")
	before := len(c.Sink.Deliveries())
	client := labtest.Login(c.ctx, t, c.a.mta.Addr, "alice")
	labtest.Said(t, "250")(client.Mail("alice@example.org"))
	for _, to := range []string{keyed, hidden, keyless, "somebody@require.example", "stranger@example.com"} {
		labtest.Said(t, "451 4.7.5")(client.Rcpt(to))
	}
	// Its key is not asked for before the end of the message.
	labtest.Said(t, "250")(client.Rcpt("somebody@sign.example"))
	labtest.Said(t, "451 4.7.5")(client.Data([]byte("From: alice@example.org\r\nSubject: during the outage\r\n\r\ntext\r\n")))
	program := []byte("From: alice@example.org\nTo: " + keyed + "\nSubject: from a program\nMessage-ID: <program@client.example>\n\ntext\n")
	if err := c.a.mta.Sendmail(c.ctx, program, "-f", "alice@example.org", keyed); err != nil {
		t.Fatal(err)
	}
	if err := c.a.mta.WaitLog(c.ctx, "milter-reject: END-OF-MESSAGE from localhost"); err != nil {
		t.Fatal(err)
	}
	for _, why := range []string{"check that the database server runs", "decision=defer"} {
		if !strings.Contains(c.a.Log(), why) {
			t.Errorf("the log does not say %q:\n%s", why, c.a.Log())
		}
	}
	if strings.Contains(c.a.Log(), "during the outage") || strings.Contains(c.a.Log(), c.password) {
		t.Errorf("the log tells too much:\n%s", c.a.Log())
	}
	if left := c.Sink.Deliveries()[before:]; len(left) > 0 {
		t.Fatalf("%d messages left", len(left))
	}

	if err := c.sql.Start(c.ctx); err != nil {
		t.Fatal(err)
	}
	ready(t, c.ctx, c.a, http.StatusOK, "ready")
	// A pickup(8) may hang up before postkick(1) has written, which dies of that.
	wake := func() ([]byte, error) {
		return c.a.mta.Command(c.ctx, "postkick", "public", "pickup", "W").CombinedOutput()
	}
	out, err := wake()
	for tries := 1; err != nil && tries < 5; tries++ {
		out, err = wake()
	}
	if err != nil {
		t.Fatalf("wake pickup(8): %v\n%s", err, out)
	}
	arrived, err := c.Sink.Wait(c.ctx, before+1)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(arrived[before].Data); strings.Contains(text, "from a program") || !strings.Contains(text, "BEGIN PGP MESSAGE") {
		t.Errorf("the mail of the program is not encrypted:\n%s", text)
	}
	for id, h := range map[string]*relayHost{"after-a": c.a, "after-b": c.b} {
		submit(t, c.ctx, c.Cluster, h, threefold(id, "250", append(half, rest...)))
	}
}

// outageInMidMessage stops the database server between RCPT TO and the end of a message, and between two copies of
// another.
func (c *cluster) outageInMidMessage(t *testing.T) {
	c.serve(t, "")
	c.enrolAll(t)
	before := len(c.Sink.Deliveries())
	client := labtest.Login(c.ctx, t, c.a.mta.Addr, "alice")
	labtest.Said(t, "250")(client.Mail("alice@example.org"))
	labtest.Said(t, "250")(client.Rcpt(keyed))
	labtest.Said(t, "250")(client.Rcpt(keyless))
	c.stop(t)
	labtest.Said(t, "451 4.7.5")(client.Data([]byte("From: alice@example.org\r\nTo: " + keyed + "\r\nMessage-ID: <middle@client.example>\r\n\r\ntext\r\n")))
	labtest.WaitEmpty(c.ctx, t, c.a.mta)
	if left := c.Sink.Deliveries()[before:]; len(left) > 0 {
		t.Fatalf("%d messages left", len(left))
	}
	if err := c.sql.Start(c.ctx); err != nil {
		t.Fatal(err)
	}

	stopped := c.a.door.meanwhile(c.ctx, keyless, closed, func() error { return c.sql.Stop(c.ctx) })
	submit(t, c.ctx, c.Cluster, c.a, threefold("between", "451", half))
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	submitRefused(t, c.ctx, c.b, keyless)
	if err := c.sql.Start(c.ctx); err != nil {
		t.Fatal(err)
	}
	submit(t, c.ctx, c.Cluster, c.a, threefold("between", "250", rest))
	submit(t, c.ctx, c.Cluster, c.b, threefold("between", "250", rest[:1]))
}

// outageAtRecord stops the database server when the first copy is about to enter the queue, so that it could not be
// recorded: it does not enter it.
func (c *cluster) outageAtRecord(t *testing.T) {
	c.serve(t, "")
	c.enrolAll(t)
	// Whoever has been written to before needs no writing at RCPT TO.
	submit(t, c.ctx, c.Cluster, c.a, threefold("warm", "250", append(half, rest...)))
	t.Cleanup(func() { c.sql.Start(c.ctx) })
	stopped := c.a.door.meanwhile(c.ctx, hidden, "OK", func() error { return c.sql.Stop(c.ctx) })
	submit(t, c.ctx, c.Cluster, c.a, threefold("record", "451", nil))
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if err := c.sql.Start(c.ctx); err != nil {
		t.Fatal(err)
	}
	submit(t, c.ctx, c.Cluster, c.a, threefold("record", "250", append(half, rest...)))
	submit(t, c.ctx, c.Cluster, c.b, threefold("record", "250", rest[:1]))
	submit(t, c.ctx, c.Cluster, c.a, threefold("onwards", "250", append(half, rest...)))
}

// outageAtStart starts the daemon without its database: it says why not, and ends.
func (c *cluster) outageAtStart(t *testing.T) {
	c.serve(t, "")
	c.stop(t)
	if err := c.a.Kill(); err != nil {
		t.Fatal(err)
	}
	if said := fails(t, c.ctx, c.a, "check that the database server runs"); strings.Contains(said, c.password) {
		t.Errorf("it tells the password: %s", said)
	}
}

// fails makes sure that the daemon does not start, and says why not.
func fails(t *testing.T, ctx context.Context, h *relayHost, why string) (said string) {
	t.Helper()
	_, err := h.Run(ctx, nil, "serve")
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
		t.Fatalf("it ended with %v", err)
	}
	if !strings.Contains(err.Error(), why) {
		t.Errorf("it does not say %q but %v", why, err)
	}
	return err.Error()
}

// stop ends the database server. It runs again at the end of the test at the latest.
func (c *cluster) stop(t *testing.T) {
	t.Helper()
	if err := c.sql.Stop(c.ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.sql.Start(c.ctx) }) // an error says that it runs already
}

// ready looks at what a host says about itself.
func ready(t *testing.T, ctx context.Context, h *relayHost, status int, text string) {
	t.Helper()
	got, said, err := h.Ready(ctx)
	if err != nil || got != status || !strings.Contains(said, text) {
		t.Errorf("/readyz says %d %q, %v", got, said, err)
	}
}

// submitRefused makes sure that a recipient is told to try again.
func submitRefused(t *testing.T, ctx context.Context, h *relayHost, to string) {
	t.Helper()
	client := labtest.Login(ctx, t, h.mta.Addr, "alice")
	labtest.Said(t, "250")(client.Mail("alice@example.org"))
	labtest.Said(t, "451 4.7.5")(client.Rcpt(to))
}
