package postfix_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"sealmilter/deploy/postfix"
	"sealmilter/internal/lab"
	"sealmilter/internal/lab/scenario"
)

// filters is a relay host with other filters beside sealmilter, wired by the commands of docs/filters.md.
type filters struct {
	*scenario.World
	postfix *lab.Postfix
	signer  *lab.OpenDKIM
	// before sees what sealmilter has yet to see, behind what it has done in place, copies what it has handed in.
	before, behind, copies *lab.Filter
	// already is how many messages had arrived when sealmilter was started.
	already int
}

// The addresses that docs/filters.md gives to the filters.
const (
	spamFilterAddr = "inet:127.0.0.1:11332"
	openDKIMAddr   = "inet:127.0.0.1:8891"
)

func buildProgram(t *testing.T) string {
	t.Helper()
	program, err := lab.Build(t.Context(), t.TempDir(), "sealmilter/cmd/sealmilter", "-race")
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// startFilters starts them, the relay host as the fragments have it, and OpenDKIM with the lines of docs/filters.md.
func startFilters(t *testing.T, program string, sevenBit bool, config lab.OpenDKIMConfig) *filters {
	t.Helper()
	f := &filters{}
	closing := func(close func() error) {
		t.Cleanup(func() {
			if err := close(); err != nil {
				t.Error(err)
			}
		})
	}
	var err error
	if f.World, err = scenario.NewWorld(t.Context(), program, sevenBit, os.Stderr); err != nil {
		t.Fatal(err)
	}
	closing(f.World.Close)
	config.Domain, config.Progress = cmp.Or(config.Domain, "example.org"), os.Stderr
	config.Lines = strings.Join(blockUnder(t, "### OpenDKIM"), "\n")
	if f.signer, err = lab.StartOpenDKIM(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	closing(f.signer.Close)
	for _, at := range []**lab.Filter{&f.before, &f.behind, &f.copies} {
		if *at, err = lab.StartFilter(); err != nil {
			t.Fatal(err)
		}
		closing((*at).Close)
	}
	f.postfix, err = lab.StartPostfix(t.Context(), lab.PostfixConfig{
		Relay:    f.Sink.Addr,
		Auth:     f.Auth.Addr,
		Main:     postfix.MainCF(f.Listen) + "message_size_limit = 51200000\n",
		Master:   postfix.MasterCF(f.Listen, f.Reinject),
		Progress: os.Stderr,
	})
	if err != nil {
		t.Fatal(err)
	}
	closing(f.postfix.Close)
	return f
}

// wire executes the commands of a page of docs, with the filters' own addresses for those of the page.
func (f *filters) wire(t *testing.T, commands []string) {
	t.Helper()
	for _, command := range commands {
		if command == "postfix reload" {
			if err := f.postfix.Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
			continue
		}
		behind := f.behind
		if strings.Contains(command, postfix.Reinject) {
			behind = f.copies
		}
		command = strings.NewReplacer(
			spamFilterAddr, "inet:"+f.before.Addr,
			openDKIMAddr, "inet:"+f.signer.Addr+",inet:"+behind.Addr,
			postfix.Listen, f.Listen,
			postfix.Reinject, f.Reinject,
		).Replace(command)
		var args []string
		for i, part := range strings.Split(command, "'") { // every second one was quoted
			if i%2 == 1 {
				args = append(args, part)
			} else {
				args = append(args, strings.Fields(part)...)
			}
		}
		if out, err := f.postfix.Command(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
}

// blockUnder returns the lines of the first block under a heading of docs/filters.md.
func blockUnder(t *testing.T, heading string) []string {
	t.Helper()
	block, err := scenario.PageBlock("../../docs/filters.md", heading)
	if err != nil {
		t.Fatal(err)
	}
	return block
}

// The page repeats what the fragment says of sealmilter.
func TestPageAgreesWithTheFragment(t *testing.T) {
	_, fragment, _ := strings.Cut(postfix.MainCF(postfix.Listen), "\nsmtpd_milters =")
	entry, _, found := strings.Cut(fragment, "}")
	if !found {
		t.Fatal("the fragment has no smtpd_milters")
	}
	want := strings.Join(strings.Fields(entry+"}"), " ")
	if got := blockUnder(t, "### Postfix")[0]; !strings.Contains(got, ", "+want+", ") {
		t.Errorf("docs/filters.md has %q, the fragment %q", got, want)
	}
}

// serve starts sealmilter for one test.
func (f *filters) serve(ctx context.Context, t *testing.T, config string) {
	t.Helper()
	f.already = len(f.Sink.Deliveries())
	milter, err := f.Serve(ctx, "filters", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s\n%s", milter.Log(), f.postfix.Log())
		}
		if err := milter.Kill(); err != nil {
			t.Error(err)
		}
	})
}

// submit sends a message as alice and returns the server's last reply.
func (f *filters) submit(ctx context.Context, t *testing.T, message string, to ...string) (lab.Reply, error) {
	t.Helper()
	client, err := lab.Dial(ctx, f.postfix.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Drop()
	said(t, "235")(client.AuthPlain("alice", "alice"))
	_, last, err := client.Send("alice@example.org", to, []byte(message))
	return last, err
}

// arrived waits for an empty queue and returns what each of these mailboxes got in this test: one message, and nobody
// else any.
func (f *filters) arrived(ctx context.Context, t *testing.T, mailboxes ...string) map[string][]byte {
	t.Helper()
	if err := f.postfix.WaitEmpty(ctx); err != nil {
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

// filtered is a message from alice to bob with a Message-ID of its own.
func filtered(id string) string {
	return fmt.Sprintf("From: Alice <alice@example.org>\r\nTo: bob@example.net\r\nSubject: %s\r\n"+
		"Date: Mon, 2 Mar 2026 10:00:00 +0100\r\nMessage-ID: <%s@client.example>\r\n\r\n%s\r\n", filteredSubject, id, filteredText)
}

// clear returns what of the message can be read in what a filter was shown or a mailbox got.
func clear(shown ...[]byte) (found []string) {
	for _, secret := range []string{filteredSubject, filteredText} {
		if bytes.Contains(bytes.Join(shown, nil), []byte(secret)) {
			found = append(found, secret)
		}
	}
	return found
}

// TestFilters runs other filters before and behind sealmilter on one relay host.
func TestFilters(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	f := startFilters(t, buildProgram(t), false, lab.OpenDKIMConfig{})
	f.wire(t, blockUnder(t, "### Postfix"))
	for _, test := range []struct {
		name string
		run  func(context.Context, *testing.T, *filters)
	}{
		{"what they see", testWhatOtherFiltersSee},
		{"a later one refuses", testLaterFilterRefuses},
		{"signature of a large body", testSignatureOfLargeBody},
		{"signature of the client", testSignatureOfTheClient},
		{"rspamd in front", testRspamdInFront},
		{"signer in front", testSignerInFront}, // wires them in another order
	} {
		t.Run(test.name, func(t *testing.T) { test.run(ctx, t, f) })
	}
}

// A filter in front of sealmilter is shown what the client wrote. One behind it is shown what leaves, with the envelope
// that the client gave; one at the listener for copies is shown each copy with its own envelope.
func testWhatOtherFiltersSee(ctx context.Context, t *testing.T, f *filters) {
	f.serve(ctx, t, "")
	said(t, "250")(f.submit(ctx, t, filtered("client"), "bob@example.net", "dave@example.net"))
	if err := f.postfix.Sendmail(ctx, []byte(filtered("program")), "-f", "alice@example.org", "bob@example.net", "dave@example.net"); err != nil {
		t.Fatal(err)
	}
	if err := f.postfix.WaitEmpty(ctx); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		filter *lab.Filter
		clear  int
		to     int
	}{
		"before": {f.before, 2, 2},
		"behind": {f.behind, 0, 2},
		"copies": {f.copies, 0, 1},
	} {
		shown := want.filter.Screenings()
		if len(shown) != 2 {
			t.Errorf("%s was shown %d messages, not 2", name, len(shown))
		}
		for _, s := range shown {
			if got := clear(s.Header, s.Body); len(got) != want.clear || len(s.To) != want.to {
				t.Errorf("%s was shown to %q, in clear text %q:\n%s\n%s", name, s.To, got, s.Header, s.Body)
			}
		}
	}
}

// A filter behind sealmilter that refuses a message makes the client try again. Who has got a copy gets no second one,
// though the filter in front has written other fields this time.
func testLaterFilterRefuses(ctx context.Context, t *testing.T, f *filters) {
	f.serve(ctx, t, "")
	try := func(number int, want string) {
		t.Helper()
		f.before.Add(
			fmt.Sprintf("X-Spam-Status: No, score=0.%d required=5.0 tests=NONE", number),
			fmt.Sprintf("X-Rspamd-Queue-Id: 4F%d", number),
			fmt.Sprintf("X-Virus-Status: Clean %d", number),
			fmt.Sprintf("Authentication-Results: mx.lab.test; auth=pass smtp.auth=alice %d", number),
		)
		said(t, want)(f.submit(ctx, t, filtered("retried"), "bob@example.net", "erin@example.com"))
	}
	// A permanent refusal comes too late for those who have a copy.
	f.behind.Refuse("550 5.7.1 Never")
	said(t, "550 5.7.1 Never")(f.submit(ctx, t, filtered("refused"), "bob@example.net", "erin@example.com"))
	f.arrived(ctx, t, "erin@example.com")
	f.already++

	f.behind.Refuse("451 4.7.1 Not now")
	try(1, "451 4.7.1 Not now")
	f.arrived(ctx, t, "erin@example.com")
	f.behind.Refuse("")

	// While the signer is down nobody can so much as log in.
	if err := f.signer.Stop(); err != nil {
		t.Fatal(err)
	}
	client, err := lab.Dial(ctx, f.postfix.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Drop()
	said(t, "454 4.3.0")(client.AuthPlain("alice", "alice"))
	said(t, "451 4.7.1")(client.Mail("alice@example.org"))
	if err := f.signer.Start(ctx); err != nil {
		t.Fatal(err)
	}
	try(2, "250")
	for mailbox, message := range f.arrived(ctx, t, "erin@example.com", "bob@example.net") {
		if err := scenario.CheckDKIM(ctx, f.signer, message); err != nil {
			t.Errorf("%s: %v", mailbox, err)
		}
	}
}

// The real rspamd in front sees the clear text, and what it writes down of it and of the envelope stays on this host.
func testRspamdInFront(ctx context.Context, t *testing.T, f *filters) {
	spam, err := lab.StartRspamd(ctx, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer spam.Close()
	var commands []string
	for _, command := range blockUnder(t, "### Postfix") {
		commands = append(commands, strings.ReplaceAll(command, spamFilterAddr, "inet:"+spam.Addr))
	}
	f.wire(t, commands)
	f.serve(ctx, t, passDave)

	const testPattern = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
	said(t, "554 5.7.1")(f.submit(ctx, t, filtered("spam")+testPattern+"\r\n", "bob@example.net"))
	// One who is named but gets nothing makes it name those who get it unnamed.
	message := strings.Replace(filtered("ham"), "To: bob@example.net", "To: bob@example.net, absent@example.info", 1)
	said(t, "250")(f.submit(ctx, t, message, "bob@example.net", "erin@example.com", "dave@example.net"))
	for mailbox, message := range f.arrived(ctx, t, "bob@example.net", "erin@example.com", "dave@example.net") {
		if bytes.Contains(message, []byte("X-Spamd-Result")) {
			t.Errorf("%s learns what the filter thinks:\n%s", mailbox, message)
		}
		if err := scenario.CheckDKIM(ctx, f.signer, message); err != nil {
			t.Errorf("%s: %v", mailbox, err)
		}
	}
	if log := spam.Log(); !strings.Contains(log, "ham@client.example") {
		t.Errorf("rspamd did not see the message:\n%s", log)
	}
}
