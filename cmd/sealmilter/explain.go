package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"time"

	"github.com/spf13/cobra"

	"sealmilter/internal/localuser"
	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
	"sealmilter/internal/premises"
	"sealmilter/keys"
)

func newExplain() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain --from A --to B [FILE]",
		Short: "Say what would happen to a message, and why; change nothing",
		Long: `Say what each recipient would get, as the running daemon would decide it now. Without FILE the message is an
empty one written by the sender; "-" reads it from standard input, and what it asks for in a field or in its Subject
counts. With --login the sender is someone who has logged in; without, a program on this host that --user runs. The copies
are composed as the daemon would, and the header that others see of each is shown; nothing is sent. The exit status is 3 if a
recipient would be rejected or deferred.`,
		Args: cobra.MaximumNArgs(1),
	}
	from := cmd.Flags().String("from", "", "the envelope sender `ADDR`, MAIL FROM")
	to := cmd.Flags().StringArray("to", nil, "an envelope recipient `ADDR`, RCPT TO (repeatable)")
	login := cmd.Flags().String("login", "", "the `LOGIN` that submits the message")
	user := cmd.Flags().String("user", localuser.Root, "the local user `NAME` who submits the message, if there is no login")
	asJSON := jsonFlag(cmd)
	for _, name := range []string{"from", "to"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is defined above
		}
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		m, err := explainedMessage(cmd, *from, *to, claim{*login, *user}, args)
		if err != nil {
			return err
		}
		return withDirectory(cmd, looks, func(i *installation, d *keys.Directory) error {
			log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{ReplaceAttr: withoutMessage}))
			smime, err := readSMIME(i.Config, log)
			if err != nil {
				return err
			}
			g := i.gate(i.Config, d, smime, outbox.New(i.Config.Reinject, i.Store, time.Now), log)
			if g.Archive, err = premises.ReadArchive(i.Config.Crypto); err != nil {
				return err
			}
			plan, copies, err := g.Foresee(cmd.Context(), m)
			var failure *mail.Failure
			if err != nil && !errors.As(err, &failure) {
				return err
			}
			tokens, err := logTokens(i.Config)
			if err != nil {
				return err
			}
			lines := explained(explanation{config: i.Config, message: m, plan: plan, copies: copies, failure: failure, tokens: tokens})
			return printExplained(cmd.OutOrStdout(), lines, *asJSON)
		})
	}
	return cmd
}

// withoutMessage leaves out of a log line the time, and what names the message, which may be made up here.
func withoutMessage(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey || a.Key == "message_id" {
		return slog.Attr{}
	}
	return a
}

// claim is who submits a message: someone who has logged in, or else a local user.
type claim struct{ login, user string }

// explainedMessage makes the message to explain, as the milter would get it from the MTA.
func explainedMessage(cmd *cobra.Command, from string, to []string, by claim, args []string) (*mail.Message, error) {
	env := &mail.Envelope{RawSender: from, Login: by.login, Client: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Local: true}
	var err error
	if by.login == "" {
		env.User = by.user
	}
	if env.Host, err = os.Hostname(); err != nil {
		return nil, err
	}
	if env.Sender, err = mail.ParsePath(from); err != nil {
		return nil, usageError{fmt.Errorf("--from: %w", err)}
	}
	for _, text := range to {
		addr, err := mail.ParsePath(text)
		if err == nil && addr.IsNull() {
			_, err = mail.ParseAddr(text)
		}
		if err != nil {
			return nil, usageError{fmt.Errorf("--to: %w", err)}
		}
		env.Recipients = append(env.Recipients, mail.Recipient{Addr: addr, Raw: text})
	}
	text := []byte("From: <" + env.Sender.String() + ">\r\n\r\n")
	if len(args) == 1 && args[0] == "-" {
		text, err = io.ReadAll(cmd.InOrStdin())
	} else if len(args) == 1 {
		text, err = os.ReadFile(args[0])
	}
	m := &mail.Message{Envelope: env}
	m.Header, m.Body = mail.SplitMessage(text)
	return m, err
}
