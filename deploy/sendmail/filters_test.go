package sendmail_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/scenario"
)

// filters is a relay host with other filters beside sealmilter, wired by the lines of docs/filters.md.
type filters struct {
	*scenario.World
	sendmail submission
	signer   *lab.OpenDKIM
	// before sees what sealmilter has yet to see, behind what it has done in place, copies what it has handed in.
	before, behind, copies *lab.Filter
	// already is how many messages had arrived when sealmilter was started.
	already int
}

func pageBlock(t *testing.T, heading string) []string {
	t.Helper()
	block, err := scenario.PageBlock("../../docs/filters.md", heading)
	if err != nil {
		t.Fatal(err)
	}
	return block
}

// wiring is what an administrator writes: lines above and below those of sealmilter.mc, and the filters of the listener
// for copies.
type wiring struct{ above, below, copies string }

// wiringOfThePage returns what docs/filters.md says.
func wiringOfThePage(t *testing.T) wiring {
	t.Helper()
	block := pageBlock(t, "### sendmail")
	if len(block) != 3 {
		t.Fatalf("docs/filters.md has %d lines for sendmail, not 3", len(block))
	}
	return wiring{block[0] + "\n", block[1] + "\n", block[2]}
}

// startFilters starts them.
func startFilters(t *testing.T, program string, sevenBit bool, order wiring) *filters {
	t.Helper()
	f := &filters{World: newWorld(t, t.Context(), program, sevenBit)}
	closing := func(close func() error) {
		t.Cleanup(func() {
			if err := close(); err != nil {
				t.Error(err)
			}
		})
	}
	var err error
	f.signer, err = lab.StartOpenDKIM(t.Context(), lab.OpenDKIMConfig{
		Domain: "example.org", Lines: strings.Join(pageBlock(t, "### OpenDKIM"), "\n"), Progress: os.Stderr,
	})
	if err != nil {
		t.Fatal(err)
	}
	closing(f.signer.Close)
	for _, at := range []**lab.Filter{&f.before, &f.behind, &f.copies} {
		if *at, err = lab.StartFilter(); err != nil {
			t.Fatal(err)
		}
		closing((*at).Close)
	}
	f.sendmail = startFor(t, t.Context(), f.World, func(config *lab.SendmailConfig) { config.MC = f.wire(t, config.MC, order) })
	return f
}

// wire puts the other filters round the lines of sealmilter.mc, and those that look on behind all of them.
func (f *filters) wire(t *testing.T, fragment string, order wiring) string {
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
		"inet:11332@127.0.0.1", socket(f.before.Addr),
		"inet:8891@127.0.0.1", socket(f.signer.Addr),
	).Replace(order.above+fragment+order.below) +
		"INPUT_MAIL_FILTER(`behind', `S=" + socket(f.behind.Addr) + ", F=T')dnl\n" +
		"MAIL_FILTER(`copies', `S=" + socket(f.copies.Addr) + ", F=T')dnl\n"
}

// serve starts sealmilter for one test.
func (f *filters) serve(ctx context.Context, t *testing.T) {
	t.Helper()
	f.already = len(f.Sink.Deliveries())
	milter, err := f.Serve(ctx, "filters", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s\n%s", milter.Log(), f.sendmail.Log())
		}
		if err := milter.Kill(); err != nil {
			t.Error(err)
		}
	})
}

// submit sends a message as alice and returns the server's last reply.
func (f *filters) submit(ctx context.Context, t *testing.T, message string, to ...string) (lab.Reply, error) {
	t.Helper()
	client, err := lab.Dial(ctx, f.sendmail.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Drop()
	said(t, "235")(client.AuthPlain("alice", "alice"))
	_, last, err := client.Send("alice@example.org", to, []byte(message))
	return last, err
}

// arrived waits for empty queues and returns what each of these mailboxes got since sealmilter was started: one message,
// and nobody else any.
func (f *filters) arrived(ctx context.Context, t *testing.T, mailboxes ...string) map[string][]byte {
	t.Helper()
	if err := f.sendmail.WaitEmpty(ctx); err != nil {
		t.Fatal(err)
	}
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

const (
	filteredSubject = "The plan for the vault"
	filteredText    = "The combination is in the blue folder."
)

// filtered is a message from alice with a Message-ID and addresses of its own; "" stands for plain ones.
func filtered(id, addresses string) string {
	addresses = cmp.Or(addresses, "From: Alice <alice@example.org>\r\nTo: bob@example.net\r\n")
	return fmt.Sprintf("%sSubject: %s\r\nDate: Mon, 2 Mar 2026 10:00:00 +0100\r\nMessage-ID: <%s@client.example>\r\n\r\n%s\r\n",
		addresses, filteredSubject, id, filteredText)
}

// TestFilters runs other filters before and behind sealmilter on one relay host.
func TestFilters(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	f := startFilters(t, build(t, "-race"), false, wiringOfThePage(t))
	for _, test := range []struct {
		name string
		run  func(context.Context, *testing.T, *filters)
	}{
		{"what they see", testWhatOtherFiltersSee},
		{"a later one refuses", testLaterFilterRefuses},
		{"signature of a large body", testSignatureOfLargeBody},
		{"addresses that sendmail rewrites", testRewrittenAddresses},
	} {
		t.Run(test.name, func(t *testing.T) {
			f.serve(ctx, t)
			test.run(ctx, t, f)
		})
	}
}

// A filter in front of sealmilter is shown what the client wrote. One behind it is shown what leaves, with the envelope
// that the client gave; one at the listener for copies is shown each copy with its own envelope.
func testWhatOtherFiltersSee(ctx context.Context, t *testing.T, f *filters) {
	said(t, "250")(f.submit(ctx, t, filtered("client", ""), "bob@example.net", "dave@example.net"))
	if err := f.sendmail.Sendmail(ctx, []byte(filtered("program", "")), "-f", "alice@example.org", "bob@example.net", "dave@example.net"); err != nil {
		t.Fatal(err)
	}
	if err := f.sendmail.WaitEmpty(ctx); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		filter *lab.Filter
		clear  bool
		to     int
	}{
		"before": {f.before, true, 2},
		"behind": {f.behind, false, 2},
		"copies": {f.copies, false, 1},
	} {
		shown := want.filter.Screenings()
		if len(shown) != 2 {
			t.Errorf("%s was shown %d messages, not 2", name, len(shown))
		}
		for _, s := range shown {
			for _, secret := range []string{filteredSubject, filteredText} {
				if bytes.Contains(slices.Concat(s.Header, s.Body), []byte(secret)) != want.clear || len(s.To) != want.to {
					t.Errorf("%s was shown to %q:\n%s\n%s", name, s.To, s.Header, s.Body)
				}
			}
		}
	}
}

// A filter behind sealmilter that refuses a message makes the client try again, and so does a signer that is down. Who
// has got a copy gets no second one, though the filter in front has written other fields this time.
func testLaterFilterRefuses(ctx context.Context, t *testing.T, f *filters) {
	defer f.before.Add()
	f.before.Add("X-Rspamd-Queue-Id: 1")
	f.behind.Refuse("451 4.7.1 Not now")
	said(t, "451 4.7.1 Not now")(f.submit(ctx, t, filtered("retried", ""), "bob@example.net", "erin@example.com"))
	f.arrived(ctx, t, "erin@example.com")
	f.behind.Refuse("")

	if err := f.signer.Stop(); err != nil {
		t.Fatal(err)
	}
	client, err := lab.Dial(ctx, f.sendmail.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Drop()
	said(t, "451 4.3.2")(client.Mail("alice@example.org"))
	if err := f.signer.Start(ctx); err != nil {
		t.Fatal(err)
	}
	f.before.Add("X-Rspamd-Queue-Id: 2")
	said(t, "250")(f.submit(ctx, t, filtered("retried", ""), "bob@example.net", "erin@example.com"))
	for mailbox, message := range f.arrived(ctx, t, "erin@example.com", "bob@example.net") {
		if err := scenario.CheckDKIM(ctx, f.signer, message); err != nil {
			t.Errorf("%s: %v", mailbox, err)
		}
	}
}

// sendmail writes address lists anew when it sends a message on, which is after all filters. A signature survives that
// for lists as mail clients write them, and not for others.
func testRewrittenAddresses(ctx context.Context, t *testing.T, f *filters) {
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
		f.already = len(f.Sink.Deliveries())
		said(t, "250")(f.submit(ctx, t, filtered(fmt.Sprint("rewritten-", i), tc.addresses), "bob@example.net", "erin@example.com"))
		for mailbox, message := range f.arrived(ctx, t, "bob@example.net", "erin@example.com") {
			if err := scenario.CheckDKIM(ctx, f.signer, message); (err == nil) != tc.survives {
				t.Errorf("%q to %s: %v\n%s", tc.addresses, mailbox, err, message)
			}
		}
	}
}
