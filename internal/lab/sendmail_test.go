package lab_test

import (
	"bytes"
	"errors"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
)

func startSendmail(t *testing.T, config lab.SendmailConfig) *lab.Sendmail {
	t.Helper()
	return labtest.StartSendmail(bounded(t), t, config)
}

// A message comes in by SMTP and by the command, and reaches the next hop; an alias of the host is expanded.
func TestSendmailRelays(t *testing.T) {
	sink := startSink(t, lab.SinkConfig{})
	sendmail := startSendmail(t, lab.SendmailConfig{Relay: sink.Addr, Aliases: "team: bob@example.net\n"})
	client := dial(t, sendmail.Addr)
	_, last, err := client.Send("alice@lab.test", []string{"bob@example.net"}, []byte("Subject: one\r\n\r\nhello\r\n"))
	labtest.Said(t, "250 2.0.0")(last, err)
	err = sendmail.Sendmail(bounded(t), []byte("Subject: two\n\nhello\n"), "-f", "alice@lab.test", "team@mx.lab.test", "carol@example.net")
	if err != nil {
		t.Fatal(err)
	}
	labtest.WaitEmpty(bounded(t), t, sendmail)
	if got := sink.Mailbox("bob@example.net"); len(got) != 2 || !bytes.Contains(got[1].Data, []byte("\r\nSubject: two\r\n")) {
		t.Errorf("bob got %+v", got)
	}
	if got := sink.Mailbox("carol@example.net"); len(got) != 1 || got[0].From != "alice@lab.test" {
		t.Errorf("carol got %+v", got)
	}
	for _, want := range []string{"sendmail[", "relay=[127.0.0.1]", "stat=Sent"} {
		if !strings.Contains(sendmail.Log(), want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}

// What the next hop refuses for now waits where the lab can look for it.
func TestSendmailQueues(t *testing.T) {
	sink := startSink(t, lab.SinkConfig{})
	sink.Refuse("bob@example.net", "451 4.2.0 Not now")
	sendmail := startSendmail(t, lab.SendmailConfig{Relay: sink.Addr})
	client := dial(t, sendmail.Addr)
	_, last, err := client.Send("alice@lab.test", []string{"bob@example.net"}, []byte("Subject: one\r\n\r\nhello from the queue\r\n"))
	labtest.Said(t, "250 2.0.0")(last, err)
	if err := sendmail.WaitLog(bounded(t), "stat=Deferred"); err != nil {
		t.Fatal(err)
	}
	if queue, err := sendmail.Queue(); err != nil || len(queue) != 1 || !strings.HasPrefix(queue[0], "mqueue/") {
		t.Errorf("the queue holds %q, %v", queue, err)
	}
	if found, err := sendmail.GrepQueue("hello from the queue"); err != nil || len(found) != 1 {
		t.Errorf("the text is in %q, %v", found, err)
	}
	sink.Refuse("bob@example.net", "")
	labtest.WaitEmpty(bounded(t), t, sendmail)
	if got := sink.Mailbox("bob@example.net"); len(got) != 1 {
		t.Errorf("bob got %+v", got)
	}
}

// The command tells whose message it is, whether it hands it in at once or later.
func TestSendmailKnowsItsCaller(t *testing.T) {
	sink := startSink(t, lab.SinkConfig{})
	sendmail := startSendmail(t, lab.SendmailConfig{Relay: sink.Addr})
	message := []byte("Received: (from root@localhost)\n\tby mx.lab.test (8.17) id 1; now\nSubject: s\n\nhello\n")
	if err := sendmail.SendmailAs(bounded(t), "games", message, "bob@example.net"); err != nil {
		t.Fatal(err)
	}
	if err := sendmail.SendmailAs(bounded(t), "games", message, "-odq", "bob@example.net"); err != nil {
		t.Fatal(err)
	}
	if queue, err := sendmail.Queue(); err != nil || !slices.ContainsFunc(queue, func(s string) bool { return strings.HasPrefix(s, "clientmqueue/") }) {
		t.Errorf("the queue holds %q, %v", queue, err)
	}
	labtest.WaitEmpty(bounded(t), t, sendmail)
	all := sink.Mailbox("bob@example.net")
	for _, d := range all {
		fields := strings.Split(string(d.Data), "\r\nReceived: ")
		if d.From != "games@mx.lab.test" || len(fields) != 3 || !strings.HasPrefix(fields[1], "(from games@localhost)\r\n\tby mx.lab.test ") {
			t.Errorf("bob got, from %s,\n%s", d.From, d.Data)
		}
	}
	if len(all) != 2 {
		t.Errorf("bob got %d messages", len(all))
	}
}

func TestSendmailAsksForPasswords(t *testing.T) {
	auth, err := lab.StartAuth(map[string]string{"alice": "secret", "bob@lab.test": "other"})
	if err != nil {
		t.Fatal(err)
	}
	defer auth.Close()
	sendmail := startSendmail(t, lab.SendmailConfig{Auth: auth})
	stranger := dial(t, sendmail.Addr)
	if !strings.Contains(stranger.Extensions.String(), "AUTH PLAIN LOGIN") {
		t.Errorf("sendmail announces %q", stranger.Extensions)
	}
	labtest.Said(t, "535")(stranger.AuthPlain("alice", "wrong"))
	labtest.Said(t, "535")(stranger.AuthPlain("mallory", "secret"))
	for user, password := range map[string]string{"alice": "secret", "bob@lab.test": "other"} {
		client := dial(t, sendmail.Addr)
		labtest.Said(t, "235")(client.AuthPlain(user, password))
		labtest.Said(t, "250")(client.Mail("alice@lab.test"))
	}
}

func TestSendmailLeavesNothing(t *testing.T) {
	sendmail, err := lab.StartSendmail(bounded(t), lab.SendmailConfig{Progress: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	dial(t, sendmail.Addr) // a child is in the middle of a session
	conf := sendmail.Command(t.Context(), "sendmail.cf").Dir
	if err := sendmail.Close(); err != nil {
		t.Fatal(err)
	}
	if err := sendmail.Close(); err != nil {
		t.Errorf("the second Close: %v", err)
	}
	if conn, err := net.Dial("tcp", sendmail.Addr); err == nil {
		conn.Close()
		t.Error("something still listens")
	}
	var exit *exec.ExitError
	if out, err := exec.Command("pgrep", "-f", conf).Output(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("processes are left: %s (%v)", out, err)
	}
}

// A configuration that makes no sense gives the translator's own words, and leaves nothing behind.
func TestSendmailSaysWhyItFails(t *testing.T) {
	_, err := lab.StartSendmail(bounded(t), lab.SendmailConfig{MC: "FEATURE(`no_such_feature')dnl\n", Progress: t.Output()})
	if err == nil || !strings.Contains(err.Error(), "no_such_feature") {
		t.Errorf("the error is: %v", err)
	}
}
