package gate

import (
	"flag"
	"net/mail"
	"os"
	"strings"
	"testing"
	"time"

	ours "sealmilter/internal/mail"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestReport compares a notice of every field with a golden file.
func TestReport(t *testing.T) {
	addr := func(s string) ours.Addr {
		a, err := ours.ParseAddr(s)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	header, body := ours.SplitMessage([]byte("From: J\xc3\xb6rg <j\xc3\xb6rg@example.org>\r\nSubject: secret\r\nDate: Mon, 2 Mar 2026 10:00:00 +0100\r\n" +
		"Message-ID: <1@client.example>\r\n\r\nsecret\r\n"))
	env := &ours.Envelope{Sender: addr("jörg@example.org"), Host: "mx.example.org", QueueID: "4Q", Args: []string{"RET=FULL", "ENVID=a+3Db"}}
	failure := ours.Reject("5.7.1", "No key:\ntry again.", nil)
	r := report{to: env.Sender, about: &ours.Message{Envelope: env, Header: header, Body: body}, failed: []undelivered{
		{ours.Recipient{Addr: addr("bob@example.net"), Args: []string{"ORCPT=rfc822;b+2Bob@example.net"}}, failure},
		{ours.Recipient{Addr: addr("dörte@example.net"), Args: []string{"ORCPT=utf-8;dörte@example.net"}}, failure},
		{ours.Recipient{Addr: addr("erin@example.com"), Args: []string{"NOTIFY=FAILURE"}}, failure},
	}, at: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), id: "<2@example.org>", boundary: "=_1"}
	h, content := r.compose()
	got := string(h.AppendTo(nil)) + "\r\n" + string(content)
	const file = "testdata/report.eml"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if strings.Contains(got, "secret") {
		t.Error("it quotes the message")
	}
	if _, err := mail.ReadMessage(strings.NewReader(got)); err != nil {
		t.Error(err)
	}
}

func TestReportingMTA(t *testing.T) {
	for host, want := range map[string]string{"mx.example.org": "mx.example.org", "": "localhost"} {
		m := &ours.Message{Envelope: &ours.Envelope{Host: host}}
		if got := (report{about: m, to: m.Envelope.Sender}).status(); !strings.HasPrefix(got, "Reporting-MTA: dns; "+want+"\r\n") {
			t.Errorf("%q: %s", host, got)
		}
	}
}

func TestWantsNotice(t *testing.T) {
	for args, want := range map[string]bool{
		"": true, "ORCPT=rfc822;a@example.org": true, "NOTIFY=FAILURE": true, "notify=delay,failure": true, "NOTIFY=SUCCESS,FAILURE": true,
		"NOTIFY=NEVER": false, "notify=never": false, "NOTIFY=SUCCESS": false, "NOTIFY=DELAY,SUCCESS": false, "NOTIFY=": false, "NOTIFY=NOFAILURE": false,
	} {
		if got := wantsNotice(ours.Recipient{Args: []string{args}}); got != want {
			t.Errorf("%q: %t", args, got)
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain text": "plain text", "dörte": `d\x{F6}rte`, "a\r\nb": `a\x{D}\x{A}b`, "\xff": `\x{FFFD}`, "鐘": `\x{9418}`,
	} {
		if got := printable(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
