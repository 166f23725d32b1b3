package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sealmilter/internal/lab"
)

func newDemo() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Show the main job on a private relay host on loopback",
		Long: `Start a private Postfix with this milter on loopback ports, send a message through it, and show what each mailbox
received; the real gpg decrypts and verifies every copy. Postfix and gpg are taken from this machine, or from
Debian's packages, unpacked into a cache folder; nothing is installed, and nothing leaves the machine. Needs root.
The exit status is 0 only if everything was as it should be.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), 10*time.Minute)
			defer cancel()
			return runDemo(ctx, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
}

// The people of the demo.
const (
	demoSender   = "alice@example.org"
	demoKeyed    = "bob@example.net"
	demoKeyless  = "carol@example.com"
	demoHidden   = "dave@example.net"
	demoRequired = "erin@bank.example"
)

const demoMessage = `From: Alice <alice@example.org>
To: bob@example.net, erin@bank.example
Cc: carol@example.com
Bcc: dave@example.net
Subject: The plan for Monday
Date: Mon, 2 Mar 2026 10:00:00 +0100
Message-ID: <demo@client.example>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

We meet at the old mill at nine. Grüße, Alice
`

const (
	demoText    = "We meet at the old mill at nine."
	demoSubject = "Subject: The plan for Monday"
)

func runDemo(ctx context.Context, out, progress io.Writer) (err error) {
	relay, err := startDemoRelay(ctx, progress)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, relay.close()) }()

	fmt.Fprintf(out, "A private Postfix with sealmilter listens on %s. Keys are known for %s and %s;\n", relay.postfix.Addr, demoKeyed, demoHidden)
	fmt.Fprintf(out, "mail to @bank.example must be encrypted. %s submits one message:\n\n", demoSender)
	if err := relay.submit(ctx, out); err != nil {
		return err
	}
	if err := relay.postfix.WaitEmpty(ctx); err != nil {
		return err
	}
	fmt.Fprintln(out)
	deliveries := relay.sink.Deliveries()
	for _, d := range deliveries {
		if err := relay.show(ctx, out, d); err != nil {
			return fmt.Errorf("mailbox %s: %w", d.To, err)
		}
	}
	var mailboxes []string
	for _, d := range deliveries {
		mailboxes = append(mailboxes, d.To)
	}
	slices.Sort(mailboxes)
	if want := []string{demoKeyed, demoKeyless, demoHidden}; !slices.Equal(mailboxes, want) {
		return fmt.Errorf("mail arrived for %v, not for %v", mailboxes, want)
	}
	fmt.Fprint(out, `
Everything was as it should be. To put it in front of your own mail server:
  1. install bin/sealmilter /usr/local/bin/
  2. sealmilter setup postfix --dry-run shows what would change; without --dry-run it is done (or: setup sendmail)
  3. sealmilter keys generate you@your.domain; sealmilter keys import your-recipients.asc; sealmilter check
`)
	return nil
}

// submit is the mail client's dialogue. Postfix must take everybody but the recipient who needs encryption.
func (r *demoRelay) submit(ctx context.Context, out io.Writer) error {
	client, err := lab.Dial(ctx, r.postfix.Addr)
	if err != nil {
		return err
	}
	defer client.Drop()
	if reply, err := client.AuthPlain("alice", "alice"); err != nil || reply.Code != 235 {
		return fmt.Errorf("cannot log in: %v %w", reply, err)
	}
	step := func(say string, want int, do func() (lab.Reply, error)) error {
		reply, err := do()
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "  client: %s\n  server: %s\n", say, strings.ReplaceAll(reply.String(), "\n", "\n          "))
		if reply.Code != want {
			return fmt.Errorf("the reply to %q should have been %d", say, want)
		}
		return nil
	}
	if err := step("MAIL FROM:<"+demoSender+">", 250, func() (lab.Reply, error) { return client.Mail(demoSender) }); err != nil {
		return err
	}
	for _, to := range []string{demoKeyed, demoKeyless, demoHidden, demoRequired} {
		want := 250
		if to == demoRequired {
			want = 550
		}
		if err := step("RCPT TO:<"+to+">", want, func() (lab.Reply, error) { return client.Rcpt(to) }); err != nil {
			return err
		}
	}
	message := []byte(strings.ReplaceAll(demoMessage, "\n", "\r\n"))
	if err := step("DATA (the message)", 250, func() (lab.Reply, error) { return client.Data(message) }); err != nil {
		return err
	}
	return client.Quit()
}

// show opens one copy as its recipient would, prints what they see, and checks it.
func (r *demoRelay) show(ctx context.Context, out io.Writer, d lab.Delivery) error {
	opened, err := r.gpg.Open(ctx, d.Data)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Mailbox %s (%d octets)\n", d.To, len(d.Data))
	raw := string(d.Data)
	for line := range strings.SplitSeq(raw, "\r\n") {
		if strings.HasPrefix(line, "Subject:") || strings.HasPrefix(line, "Content-Type: multipart") {
			fmt.Fprintf(out, "  outside:  %s\n", line)
		}
		if line == "" {
			break
		}
	}
	keyed := d.To == demoKeyed || d.To == demoHidden
	switch {
	case opened.Signer != r.senderKey:
		return fmt.Errorf("gpg says that it is signed by %q, not by %s", opened.Signer, r.senderKey)
	case !strings.Contains(string(opened.Payload), demoText):
		return errors.New("the text is not in it")
	case !strings.Contains(string(opened.Payload), "\r\n"+demoSubject+"\r\n"):
		return errors.New("the Subject is not in what is signed")
	case opened.Encrypted != keyed:
		return fmt.Errorf("encrypted is %v, and a key is known: %v", opened.Encrypted, keyed)
	case keyed && (strings.Contains(raw, demoText) || strings.Contains(raw, "The plan for Monday")):
		return errors.New("clear text can be read in it")
	case keyed && len(opened.Recipients) != 1:
		return fmt.Errorf("it names %d keys", len(opened.Recipients))
	case d.To != demoHidden && strings.Contains(raw+string(opened.Payload), demoHidden):
		return errors.New("it tells of the Bcc recipient")
	}
	if keyed {
		fmt.Fprintf(out, "  gpg:      decrypted with key %s, the only one it is encrypted to\n", opened.Recipients[0])
	} else {
		fmt.Fprintf(out, "  gpg:      clear text, because no key is known\n")
	}
	fmt.Fprintf(out, "  gpg:      good signature of %s %s\n  inside:   %s\n  text:     %s\n", demoSender, opened.Signer, demoSubject, demoText)
	return nil
}
