package lab_test

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
)

func TestPostfixRelays(t *testing.T) {
	ctx := bounded(t)
	sink := startSink(t, lab.SinkConfig{})
	postfix := startPostfix(t, lab.PostfixConfig{Relay: sink.Addr})

	client := dial(t, postfix.Addr)
	for range 2 { // two messages on one connection
		labtest.Said(t, "250")(client.Mail("alice@lab.test", "BODY=8BITMIME", "RET=HDRS"))
		labtest.Said(t, "250")(client.Rcpt("bob@example.net", "NOTIFY=FAILURE"))
		labtest.Said(t, "250")(client.Rcpt(`"Carol C"@Example.Net`))
		labtest.Said(t, "250 2.0.0")(client.Data([]byte("Subject: t\r\n\r\n.dot\r\n..\r\nümlaut\r\n")))
	}
	if err := client.Quit(); err != nil {
		t.Fatal(err)
	}
	labtest.WaitEmpty(ctx, t, postfix)

	for _, recipient := range []string{"bob@example.net", `"Carol C"@Example.Net`} {
		box := sink.Mailbox(recipient)
		if len(box) != 2 {
			t.Fatalf("%s got %d messages, want 2; all: %+v", recipient, len(box), sink.Deliveries())
		}
		if !bytes.HasSuffix(box[0].Data, []byte("\r\n\r\n.dot\r\n..\r\nümlaut\r\n")) {
			t.Errorf("%s got %q", recipient, box[0].Data)
		}
	}
	bob := sink.Mailbox("bob@example.net")[0]
	if bob.From != "alice@lab.test" || bob.Helo != "mx.lab.test" || len(bob.Recipients) != 2 {
		t.Errorf("the envelope is %+v", bob)
	}
	args := strings.Join(append(bob.MailArgs, bob.RcptArgs...), " ")
	for _, want := range []string{"BODY=8BITMIME", "RET=HDRS", "NOTIFY=FAILURE"} {
		if !strings.Contains(args, want) {
			t.Errorf("the parameters %q lack %s", args, want)
		}
	}
}

func TestPostfixConvertsForSevenBitHop(t *testing.T) {
	ctx := bounded(t)
	sink := startSink(t, lab.SinkConfig{SevenBit: true})
	postfix := startPostfix(t, lab.PostfixConfig{Relay: sink.Addr})
	message := "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nümlaut\r\n"
	_, last, err := dial(t, postfix.Addr).Send("alice@lab.test", []string{"bob@example.net"}, []byte(message))
	labtest.Said(t, "250")(last, err)
	all, err := sink.Wait(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(all[0].Data, []byte("=C3=BCmlaut")) {
		t.Errorf("an 8-bit body came as %q", all[0].Data)
	}
}

func TestPostfixQueue(t *testing.T) {
	ctx := bounded(t)
	sink := startSink(t, lab.SinkConfig{})
	sink.Refuse("bob@example.net", "451 4.2.0 Mailbox busy")
	postfix := startPostfix(t, lab.PostfixConfig{Relay: sink.Addr})

	err := postfix.Sendmail(ctx, []byte("Subject: t\n\nfrom cron, marker\n"), "-f", "root@lab.test", "bob@example.net")
	if err != nil {
		t.Fatal(err)
	}
	if err := postfix.WaitLog(ctx, "status=deferred (host "); err != nil {
		t.Fatal(err)
	}
	entries, err := postfix.Queue(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Sender != "root@lab.test" || len(entries[0].Recipients) != 1 ||
		entries[0].Recipients[0].Address != "bob@example.net" {
		t.Fatalf("the queue is %+v", entries)
	}
	found, err := postfix.GrepQueue("cron, marker")
	if err != nil || len(found) != 1 || !strings.HasSuffix(found[0], entries[0].ID) {
		t.Fatalf("the marker is in the files %q: %v", found, err)
	}

	sink.Refuse("bob@example.net", "")
	if err := postfix.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	labtest.WaitEmpty(ctx, t, postfix)
	if got := sink.Mailbox("bob@example.net"); len(got) != 1 {
		t.Errorf("%d deliveries after the flush, want 1", len(got))
	}
}

// A private instance holds to what it was given: its own services in the place of stock ones, and only these ports.
func TestPostfixConfig(t *testing.T) {
	second := labtest.Reserve(t)
	postfix := startPostfix(t, lab.PostfixConfig{
		Main:   "smtpd_banner = lab ready\nmyhostname = other.lab.test\n",
		Master: second + " inet n - n - - smtpd\n  -o smtpd_banner=second\npickup unix n - n 60 1 pickup\n  -o cleanup_service_name=cleanup\n",
	})
	for addr, banner := range map[string]string{postfix.Addr: "220 lab ready", second: "220 second"} {
		if got := dial(t, addr).Greeting.String(); got != banner {
			t.Errorf("%s greets with %q, want %q", addr, got, banner)
		}
	}
	out, err := postfix.Command(bounded(t), "postconf", "-M").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(out, []byte("\npickup ")) + bytes.Count(out, []byte("warning")); n != 1 {
		t.Errorf("pickup and warnings stand %d times in\n%s", n, out)
	}
}

func TestPostfixLeavesNothing(t *testing.T) {
	const host = "gone.lab.test"
	postfix, err := lab.StartPostfix(bounded(t), lab.PostfixConfig{Main: "myhostname = " + host + "\n", Progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	dial(t, postfix.Addr) // an smtpd is in the middle of a session
	conf := postfix.Command(t.Context(), "postconf").Args[2]
	if err := postfix.Close(); err != nil {
		t.Fatal(err)
	}
	if err := postfix.Close(); err != nil {
		t.Errorf("the second Close: %v", err)
	}
	// Another test may have the port by now.
	if client, err := lab.Dial(bounded(t), postfix.Addr); err == nil {
		client.Drop()
		if strings.Contains(client.Greeting.String(), host) {
			t.Error("something still listens")
		}
	}
	var exit *exec.ExitError
	if out, err := exec.Command("pgrep", "-f", conf).Output(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("processes are left: %s (%v)", out, err)
	}
}

// A configuration that Postfix refuses gives its own words, and leaves nothing behind.
func TestPostfixSaysWhyItFails(t *testing.T) {
	_, err := lab.StartPostfix(bounded(t), lab.PostfixConfig{Master: "smtp inet n - n - -\n", Progress: t.Output()})
	if err == nil || !strings.Contains(err.Error(), "bad field count") {
		t.Errorf("the error is: %v", err)
	}
}

// TestPostfixKnowsItsUsers has programs of two users hand in mail.
func TestPostfixKnowsItsUsers(t *testing.T) {
	ctx := bounded(t)
	sink := startSink(t, lab.SinkConfig{})
	postfix := startPostfix(t, lab.PostfixConfig{Relay: sink.Addr})
	message := []byte("Subject: t\n\nfrom a program\n")
	if err := postfix.SendmailAs(ctx, "games", message, "bob@example.net"); err != nil {
		t.Fatal(err)
	}
	if err := postfix.Sendmail(ctx, message, "carol@example.net"); err != nil {
		t.Fatal(err)
	}
	if _, err := sink.Wait(ctx, 2); err != nil {
		t.Fatal(err)
	}
	for mailbox, want := range map[string]string{"bob@example.net": "from userid 5)", "carol@example.net": "from userid 0)"} {
		if box := sink.Mailbox(mailbox); len(box) != 1 || !bytes.Contains(box[0].Data, []byte(want)) {
			t.Errorf("%s got %+v, want %q in it", mailbox, box, want)
		}
	}
	client, err := lab.DialAs(ctx, "games", postfix.Addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Quit(); err != nil {
		t.Fatal(err)
	}
}
