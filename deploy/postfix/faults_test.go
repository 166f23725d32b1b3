package postfix_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"sealmilter/deploy/postfix"
	"sealmilter/internal/lab"
	"sealmilter/internal/lab/scenario"
)

// TestMilterKilledInMidMessage kills the milter while a client sends a message: the client is told to try again, and
// nothing has left. The next try, with the milter back, is served as if nothing had happened.
func TestMilterKilledInMidMessage(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	program, err := lab.Build(ctx, t.TempDir(), "sealmilter/cmd/sealmilter")
	if err != nil {
		t.Fatal(err)
	}
	w, err := scenario.NewWorld(ctx, program, false, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	p, err := lab.StartPostfix(ctx, lab.PostfixConfig{
		Relay: w.Sink.Addr, Auth: w.Auth.Addr, Main: postfix.MainCF(w.Listen), Master: postfix.MasterCF(w.Listen, w.Reinject), Progress: os.Stderr,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()

	milter, err := w.Serve(ctx, "killed", "")
	if err != nil {
		t.Fatal(err)
	}
	// The real daemon answers for the loopback listener.
	stranger, err := lab.Dial(ctx, w.Reinject)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Drop()
	said(t, "250")(stranger.Mail("alice@example.org"))
	said(t, "554 5.7.1")(stranger.Rcpt("bob@example.net"))

	client, err := lab.Dial(ctx, p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Drop()
	said(t, "235")(client.AuthPlain("alice", "alice"))
	said(t, "250")(client.Mail("alice@example.org"))
	said(t, "250")(client.Rcpt("bob@example.net"))
	said(t, "250")(client.Rcpt("erin@example.com"))
	said(t, "354")(client.Command("DATA"))
	const header = "From: alice@example.org\r\nTo: bob@example.net, erin@example.com\r\nMessage-ID: <killed@client.example>\r\nSubject: s\r\n\r\n"
	if err := client.Write([]byte(header + "the first half of the text\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := milter.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := client.Write([]byte(strings.Repeat("more of the text\r\n", 10000) + ".\r\n")); err != nil {
		t.Fatal(err)
	}
	said(t, "451")(client.ReadReply())
	if err := p.WaitEmpty(ctx); err != nil {
		t.Fatal(err)
	}
	if got := w.Sink.Deliveries(); len(got) != 0 {
		t.Fatalf("%d messages left", len(got))
	}

	if milter, err = w.Serve(ctx, "again", ""); err != nil {
		t.Fatal(err)
	}
	defer milter.Kill()
	again, err := lab.Dial(ctx, p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Drop()
	said(t, "235")(again.AuthPlain("alice", "alice"))
	_, last, err := again.Send("alice@example.org", []string{"bob@example.net", "erin@example.com"}, []byte(header+"the text\r\n"))
	said(t, "250")(last, err)
	if err := p.WaitEmpty(ctx); err != nil {
		t.Fatal(err)
	}
	if bob, erin := w.Sink.Mailbox("bob@example.net"), w.Sink.Mailbox("erin@example.com"); len(bob) != 1 || len(erin) != 1 {
		t.Errorf("bob got %d messages, erin %d", len(bob), len(erin))
	}
}
