package labtest

import (
	"cmp"
	"context"
	"strings"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/scenario"
)

// Filters are other filters beside sealmilter on one relay host, as docs/filters.md wires them.
type Filters struct {
	*scenario.World
	// MTA is the caller's.
	MTA    scenario.MTA
	Signer *lab.OpenDKIM
	// Before sees what sealmilter has yet to see, Behind what it has done in place, Copies what it has handed in.
	Before, Behind, Copies *lab.Filter

	already int // messages that have been looked at
}

// StartFilters starts the filters, with a world of the stock for an MTA to come. The page is the path of
// docs/filters.md. The signer is for example.org unless the config says otherwise.
func StartFilters(ctx context.Context, t testing.TB, stock *Stock, program, page string, sevenBit bool, config lab.OpenDKIMConfig) *Filters {
	t.Helper()
	f := &Filters{World: stock.NewWorld(ctx, t, program, sevenBit), Signer: StartSigner(ctx, t, page, config)}
	for _, at := range []**lab.Filter{&f.Before, &f.Behind, &f.Copies} {
		*at = StartFilter(t)
	}
	return f
}

// StartSigner starts an OpenDKIM with the lines of docs/filters.md, whose path is given, until the test ends. It is for
// example.org unless the config says otherwise.
func StartSigner(ctx context.Context, t testing.TB, page string, config lab.OpenDKIMConfig) *lab.OpenDKIM {
	t.Helper()
	config.Domain, config.Progress = cmp.Or(config.Domain, "example.org"), t.Output()
	config.Lines = strings.Join(PageBlock(t, page, "### OpenDKIM"), "\n")
	signer, err := lab.StartOpenDKIM(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	CloseAfter(t, signer.Close)
	return signer
}

// StartFilter starts a filter that looks on until the test ends.
func StartFilter(t testing.TB) *lab.Filter {
	t.Helper()
	f, err := lab.StartFilter()
	if err != nil {
		t.Fatal(err)
	}
	CloseAfter(t, f.Close)
	return f
}

// PageBlock returns a block of a page of docs, as [scenario.PageBlock] does.
func PageBlock(t testing.TB, page, heading string) []string {
	t.Helper()
	block, err := scenario.PageBlock(page, heading)
	if err != nil {
		t.Fatal(err)
	}
	return block
}

// Begin starts sealmilter for one test.
func (f *Filters) Begin(ctx context.Context, t testing.TB, config string) {
	t.Helper()
	f.LookAway()
	Serve(ctx, t, f.World, "filters", config)
	t.Cleanup(func() { showLog(t, f.MTA.Log()) })
}

// LookAway leaves what has arrived so far out of what [Filters.Arrived] looks at.
func (f *Filters) LookAway() { f.already = len(f.Sink.Deliveries()) }

// Submit sends a message as alice and returns the server's last reply.
func (f *Filters) Submit(ctx context.Context, t testing.TB, message string, to ...string) (lab.Reply, error) {
	t.Helper()
	return Submit(ctx, t, f.MTA.SubmissionAddr(), message, to...)
}

// Arrived waits for an empty queue and returns what each of these mailboxes got since the test began: one message, and
// nobody else any.
func (f *Filters) Arrived(ctx context.Context, t testing.TB, mailboxes ...string) map[string][]byte {
	t.Helper()
	WaitEmpty(ctx, t, f.MTA)
	all := f.Sink.Deliveries()[f.already:]
	got := map[string][]byte{}
	for _, d := range all {
		got[d.To] = d.Data
	}
	for _, mailbox := range mailboxes {
		if got[mailbox] == nil {
			t.Errorf("%s got nothing", mailbox)
		}
	}
	if len(all) != len(mailboxes) {
		t.Errorf("%d messages arrived for %d mailboxes", len(all), len(mailboxes))
	}
	return got
}

// ArrivedSigned does the same, and wants a DKIM signature that verifies.
func (f *Filters) ArrivedSigned(ctx context.Context, t testing.TB, mailboxes ...string) map[string][]byte {
	t.Helper()
	arrived := f.Arrived(ctx, t, mailboxes...)
	for mailbox, message := range arrived {
		if err := scenario.CheckDKIM(ctx, f.Signer, message); err != nil {
			t.Errorf("%s: %v\n%.4000s", mailbox, err, message)
		}
	}
	return arrived
}

// WhatFiltersSee has a filter in front of sealmilter shown what the client wrote. One behind it is shown what leaves, with
// the envelope that the client gave; one at the listener for copies is shown each copy with its own envelope. They have
// seen nothing before.
func WhatFiltersSee(ctx context.Context, t *testing.T, f *Filters) {
	f.Begin(ctx, t, "")
	to := []string{"bob@example.net", "dave@example.net"}
	Said(t, "250")(f.Submit(ctx, t, Message("client", ""), to...))
	if err := f.MTA.Sendmail(ctx, []byte(Message("program", "")), append([]string{"-f", "alice@example.org"}, to...)...); err != nil {
		t.Fatal(err)
	}
	WaitEmpty(ctx, t, f.MTA)
	for name, want := range map[string]struct {
		filter *lab.Filter
		clear  int
		to     int
	}{
		"before": {f.Before, 2, 2},
		"behind": {f.Behind, 0, 2},
		"copies": {f.Copies, 0, 1},
	} {
		shown := want.filter.Screenings()
		if len(shown) != 2 {
			t.Errorf("%s was shown %d messages, not 2", name, len(shown))
		}
		for _, s := range shown {
			if got := Clear(s.Header, s.Body); len(got) != want.clear || len(s.To) != want.to {
				t.Errorf("%s was shown to %q, in clear text %q:\n%s\n%s", name, s.To, got, s.Header, s.Body)
			}
		}
	}
}

// SignatureOfLargeBody has a body come to filters, and go back from sealmilter, in several pieces: it is signed as a whole.
func SignatureOfLargeBody(ctx context.Context, t *testing.T, f *Filters) {
	f.Begin(ctx, t, "")
	body := strings.Repeat("One of many lines, with a dot.\r\n.\r\n", 10000)
	// Once the ciphertext is the message itself, and once the signed text.
	for _, to := range [][]string{{"bob@example.net", "erin@example.com"}, {"erin@example.com", "frank@example.com"}} {
		f.LookAway()
		message := Message("large-"+to[0], "") + body
		Said(t, "250")(f.Submit(ctx, t, message, to...))
		for mailbox, copied := range f.ArrivedSigned(ctx, t, to...) {
			if mailbox != "bob@example.net" && len(copied) < len(message) {
				t.Errorf("%s got %d octets of %d", mailbox, len(copied), len(message))
			}
		}
	}
}
