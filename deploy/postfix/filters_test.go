package postfix_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"sealmilter/deploy/postfix"
	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
)

// page tells how other filters are wired beside sealmilter.
const page = "../../docs/filters.md"

// The addresses that docs/filters.md gives to the filters.
const (
	spamFilterAddr = "inet:127.0.0.1:11332"
	openDKIMAddr   = "inet:127.0.0.1:8891"
)

// startFilters starts them, and the relay host as the fragments have it.
func startFilters(t *testing.T, program string, sevenBit bool, config lab.OpenDKIMConfig) *labtest.Filters {
	t.Helper()
	f := labtest.StartFilters(t.Context(), t, &stock, program, page, sevenBit, config)
	f.MTA = labtest.StartPostfix(t.Context(), t, fragmentsFor(f.World))
	return f
}

// wire executes the commands of a page of docs, with the filters' own addresses for those of the page.
func wire(t *testing.T, f *labtest.Filters, commands []string) {
	t.Helper()
	labtest.Wire(t.Context(), t, f.MTA.(*lab.Postfix), commands, func(command string) string {
		behind := f.Behind
		if strings.Contains(command, postfix.Reinject) {
			behind = f.Copies
		}
		return strings.NewReplacer(
			spamFilterAddr, "inet:"+f.Before.Addr,
			openDKIMAddr, "inet:"+f.Signer.Addr+",inet:"+behind.Addr,
			postfix.Listen, f.Listen,
			postfix.Reinject, f.Reinject,
		).Replace(command)
	})
}

// The page repeats what the fragment says of sealmilter.
func TestPageAgreesWithTheFragment(t *testing.T) {
	_, fragment, _ := strings.Cut(postfix.MainCF(postfix.Listen), "\nsmtpd_milters =")
	entry, _, found := strings.Cut(fragment, "}")
	if !found {
		t.Fatal("the fragment has no smtpd_milters")
	}
	want := strings.Join(strings.Fields(entry+"}"), " ")
	if got := labtest.PageBlock(t, page, "### Postfix")[0]; !strings.Contains(got, ", "+want+", ") {
		t.Errorf("docs/filters.md has %q, the fragment %q", got, want)
	}
}

// TestFilters runs other filters before and behind sealmilter on one relay host.
func TestFilters(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	f := startFilters(t, stock.Build(t, "-race"), false, lab.OpenDKIMConfig{})
	wire(t, f, labtest.PageBlock(t, page, "### Postfix"))
	for _, test := range []struct {
		name string
		run  func(context.Context, *testing.T, *labtest.Filters)
	}{
		{"what they see", labtest.WhatFiltersSee},
		{"a later one refuses", testLaterFilterRefuses},
		{"signature of a large body", labtest.SignatureOfLargeBody},
		{"signature of the client", testSignatureOfTheClient},
		{"rspamd in front", testRspamdInFront},
		{"signer in front", testSignerInFront}, // wires them in another order
	} {
		t.Run(test.name, func(t *testing.T) { test.run(ctx, t, f) })
	}
}

// A filter behind sealmilter that refuses a message makes the client try again. Who has got a copy gets no second one,
// though the filter in front has written other fields this time.
func testLaterFilterRefuses(ctx context.Context, t *testing.T, f *labtest.Filters) {
	f.Begin(ctx, t, "")
	try := func(number int, want string) {
		t.Helper()
		f.Before.Add(
			fmt.Sprintf("X-Spam-Status: No, score=0.%d required=5.0 tests=NONE", number),
			fmt.Sprintf("X-Rspamd-Queue-Id: 4F%d", number),
			fmt.Sprintf("X-Virus-Status: Clean %d", number),
			fmt.Sprintf("Authentication-Results: mx.lab.test; auth=pass smtp.auth=alice %d", number),
		)
		labtest.Said(t, want)(f.Submit(ctx, t, labtest.Message("retried", ""), "bob@example.net", "erin@example.com"))
	}
	// A permanent refusal comes too late for those who have a copy.
	f.Behind.Refuse("550 5.7.1 Never")
	labtest.Said(t, "550 5.7.1 Never")(f.Submit(ctx, t, labtest.Message("refused", ""), "bob@example.net", "erin@example.com"))
	f.Arrived(ctx, t, "erin@example.com")
	f.LookAway()

	f.Behind.Refuse("451 4.7.1 Not now")
	try(1, "451 4.7.1 Not now")
	f.Arrived(ctx, t, "erin@example.com")
	f.Behind.Refuse("")

	// While the signer is down nobody can so much as log in.
	if err := f.Signer.Stop(); err != nil {
		t.Fatal(err)
	}
	client := labtest.Dial(ctx, t, f.MTA.SubmissionAddr())
	labtest.Said(t, "454 4.3.0")(client.AuthPlain("alice", "alice"))
	labtest.Said(t, "451 4.7.1")(client.Mail("alice@example.org"))
	if err := f.Signer.Start(ctx); err != nil {
		t.Fatal(err)
	}
	try(2, "250")
	f.ArrivedSigned(ctx, t, "erin@example.com", "bob@example.net")
}

// The real rspamd in front sees the clear text, and what it writes down of it and of the envelope stays on this host.
func testRspamdInFront(ctx context.Context, t *testing.T, f *labtest.Filters) {
	spam, err := lab.StartRspamd(ctx, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer spam.Close()
	var commands []string
	for _, command := range labtest.PageBlock(t, page, "### Postfix") {
		commands = append(commands, strings.ReplaceAll(command, spamFilterAddr, "inet:"+spam.Addr))
	}
	wire(t, f, commands)
	f.Begin(ctx, t, passDave)

	const testPattern = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
	labtest.Said(t, "554 5.7.1")(f.Submit(ctx, t, labtest.Message("spam", "")+testPattern+"\r\n", "bob@example.net"))
	// One who is named but gets nothing makes it name those who get it unnamed.
	message := strings.Replace(labtest.Message("ham", ""), "To: bob@example.net", "To: bob@example.net, absent@example.info", 1)
	labtest.Said(t, "250")(f.Submit(ctx, t, message, "bob@example.net", "erin@example.com", "dave@example.net"))
	for mailbox, message := range f.ArrivedSigned(ctx, t, "bob@example.net", "erin@example.com", "dave@example.net") {
		if bytes.Contains(message, []byte("X-Spamd-Result")) {
			t.Errorf("%s learns what the filter thinks:\n%s", mailbox, message)
		}
	}
	if log := spam.Log(); !strings.Contains(log, "ham@client.example") {
		t.Errorf("rspamd did not see the message:\n%s", log)
	}
}
