package sendmail_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/lab/scenario"
)

// page tells how other filters are wired beside sealmilter.
const page = "../../docs/filters.md"

// wiring is what an administrator writes: lines above and below those of sealmilter.mc, and the filters of the listener
// for copies.
type wiring struct{ above, below, copies string }

// wiringOfThePage returns what docs/filters.md says.
func wiringOfThePage(t *testing.T) wiring {
	t.Helper()
	block := labtest.PageBlock(t, page, "### sendmail")
	if len(block) != 3 {
		t.Fatalf("docs/filters.md has %d lines for sendmail, not 3", len(block))
	}
	return wiring{block[0] + "\n", block[1] + "\n", block[2]}
}

// startFilters starts them, and a relay host with the fragments.
func startFilters(t *testing.T, program string, sevenBit bool, order wiring) *labtest.Filters {
	t.Helper()
	f := labtest.StartFilters(t.Context(), t, &stock, program, page, sevenBit, lab.OpenDKIMConfig{})
	f.MTA = startFor(t.Context(), t, f.World, func(config *lab.SendmailConfig) { config.MC = wire(t, f, config.MC, order) })
	return f
}

// wire puts the other filters round the lines of sealmilter.mc, and those that look on behind all of them.
func wire(t *testing.T, f *labtest.Filters, fragment string, order wiring) string {
	t.Helper()
	const own = "InputMailFilters=sealmilter'"
	if strings.Count(fragment, own) != 1 {
		t.Fatalf("the fragment has not one listener with %s:\n%s", own, fragment)
	}
	socket := func(addr string) string {
		_, port, _ := strings.Cut(addr, ":")
		return "inet:" + port + "@127.0.0.1"
	}
	fragment = strings.Replace(fragment, own, order.copies+";copies'", 1)
	return strings.NewReplacer(
		"inet:11332@127.0.0.1", socket(f.Before.Addr),
		"inet:8891@127.0.0.1", socket(f.Signer.Addr),
	).Replace(order.above+fragment+order.below) +
		"INPUT_MAIL_FILTER(`behind', `S=" + socket(f.Behind.Addr) + ", F=T')dnl\n" +
		"MAIL_FILTER(`copies', `S=" + socket(f.Copies.Addr) + ", F=T')dnl\n"
}

// TestFilters runs other filters before and behind sealmilter on one relay host.
func TestFilters(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	f := startFilters(t, stock.Build(t, "-race"), false, wiringOfThePage(t))
	for _, test := range []struct {
		name string
		run  func(context.Context, *testing.T, *labtest.Filters)
	}{
		{"what they see", labtest.WhatFiltersSee},
		{"a later one refuses", testLaterFilterRefuses},
		{"signature of a large body", labtest.SignatureOfLargeBody},
		{"addresses that sendmail rewrites", testRewrittenAddresses},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(ctx, t, f) })
	}
}

// A filter behind sealmilter that refuses a message makes the client try again, and so does a signer that is down. Who
// has got a copy gets no second one, though the filter in front has written other fields this time.
func testLaterFilterRefuses(ctx context.Context, t *testing.T, f *labtest.Filters) {
	f.Begin(ctx, t, "")
	defer f.Before.Add()
	f.Before.Add("X-Rspamd-Queue-Id: 1")
	f.Behind.Refuse("451 4.7.1 Not now")
	labtest.Said(t, "451 4.7.1 Not now")(f.Submit(ctx, t, labtest.Message("retried", ""), "bob@example.net", "erin@example.com"))
	f.Arrived(ctx, t, "erin@example.com")
	f.Behind.Refuse("")

	if err := f.Signer.Stop(); err != nil {
		t.Fatal(err)
	}
	client := labtest.Dial(ctx, t, f.MTA.SubmissionAddr())
	labtest.Said(t, "451 4.3.2")(client.Mail("alice@example.org"))
	if err := f.Signer.Start(ctx); err != nil {
		t.Fatal(err)
	}
	f.Before.Add("X-Rspamd-Queue-Id: 2")
	labtest.Said(t, "250")(f.Submit(ctx, t, labtest.Message("retried", ""), "bob@example.net", "erin@example.com"))
	f.ArrivedSigned(ctx, t, "erin@example.com", "bob@example.net")
}

// sendmail writes address lists anew when it sends a message on, which is after all filters. A signature survives that
// for lists as mail clients write them, and not for others.
func testRewrittenAddresses(ctx context.Context, t *testing.T, f *labtest.Filters) {
	f.Begin(ctx, t, "")
	const from = "From: Alice <alice@example.org>\r\n"
	for i, tc := range []struct {
		addresses string
		survives  bool
	}{
		{from + "To: bob@example.net, Erin <erin@example.com>\r\n", true},
		{from + "To: Bob <bob@example.net>,\r\n Erin <erin@example.com>\r\n", true},
		{from + "To: \"Bob C.\" <bob@example.net>, =?utf-8?Q?Er=C3=ADn?= <erin@example.com>\r\n", true},
		{from + "To: bob@example.net,erin@example.com\r\n", false},
		{"From: Alice A. B. <alice@example.org>\r\nTo: bob@example.net\r\n", false},
		{from + "To: bob\r\n", false},
	} {
		f.LookAway()
		labtest.Said(t, "250")(f.Submit(ctx, t, labtest.Message(fmt.Sprint("rewritten-", i), tc.addresses), "bob@example.net", "erin@example.com"))
		for mailbox, message := range f.Arrived(ctx, t, "bob@example.net", "erin@example.com") {
			if err := scenario.CheckDKIM(ctx, f.Signer, message); (err == nil) != tc.survives {
				t.Errorf("%q to %s: %v\n%s", tc.addresses, mailbox, err, message)
			}
		}
	}
}
