package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"sealmilter/internal/gate"
	"sealmilter/internal/localuser"
	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
	"sealmilter/keys"
)

func newExplain() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain --from A --to B [FILE]",
		Short: "Say what would happen to a message, and why; change nothing",
		Long: `Say what each recipient would get, as the running daemon would decide it now. Without FILE the message is an
empty one written by the sender; "-" reads it from standard input, and what it asks for in a field or in its Subject
counts. With --login the sender is someone who has logged in; without, a program on this host that --user runs. The exit
status is 3 if a recipient would be rejected or deferred.`,
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
			smime, err := readSMIME(i.config, log)
			if err != nil {
				return err
			}
			g := i.gate(i.config, d, smime, outbox.New(i.config.Reinject, i.store, time.Now), log)
			if g.Archive, err = readArchive(i.config.Crypto); err != nil {
				return err
			}
			plan, err := g.Plan(cmd.Context(), m)
			var failure *mail.Failure
			if err != nil && !errors.As(err, &failure) {
				return err
			}
			return printExplained(cmd.OutOrStdout(), explained(m, plan, failure), *asJSON)
		})
	}
	return cmd
}

// withoutMessage leaves out of a log line what is about the message, of which there is none here, and the time.
func withoutMessage(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey || a.Value.Kind() == slog.KindString && a.Value.String() == "" {
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

// explainedLine is the decision for one recipient.
type explainedLine struct {
	To          string `json:"to"`
	Action      string `json:"action"` // encrypt, sign, pass, reject or defer
	Mode        string `json:"mode,omitempty"`
	Why         string `json:"why"`
	Fingerprint string `json:"fingerprint,omitempty"`
	Source      string `json:"source,omitempty"`
	Level       string `json:"level,omitempty"`
	Origin      string `json:"origin,omitempty"`
	User        string `json:"user,omitempty"`
	Author      string `json:"author,omitempty"`
	Asked       string `json:"asked,omitempty"` // the mode that the message asks for
	Signer      string `json:"signer,omitempty"`
	SignerKey   string `json:"signer_key,omitempty"`
	// Message is what becomes of the whole message, if that is another thing: nobody gets it, because of one recipient.
	Message    string       `json:"message,omitempty"` // reject or defer
	MessageWhy string       `json:"message_why,omitempty"`
	Trace      []lookupStep `json:"trace,omitempty"`
}

// explained turns a plan, or the refusal of the whole message, into lines.
func explained(m *mail.Message, plan *gate.Plan, failure *mail.Failure) []explainedLine {
	var lines []explainedLine
	if failure != nil {
		for _, to := range m.Envelope.Recipients {
			lines = append(lines, explainedLine{To: to.Addr.String(), Action: actionOf(failure).String(), Why: failure.Text, User: m.Envelope.User})
		}
		return lines
	}
	for _, d := range plan.Decisions {
		line := explainedLine{To: d.To.Addr.String(), Action: d.Do.String(), Mode: string(d.Mode), Why: d.Why, Source: d.Source,
			Origin: plan.Origin.String(), User: m.Envelope.User, Author: plan.Author.String(), Asked: string(plan.Asked)}
		if d.Do == gate.Encrypt || d.Do == gate.SignOnly {
			line.Signer, line.SignerKey = plan.Signer.String(), plan.SignerFingerprint()
		}
		if d.Cert != nil {
			line.Fingerprint, line.Level = d.Cert.Fingerprint(), d.Level.String()
		}
		if plan.Refusal != nil {
			line.Message, line.MessageWhy = actionOf(plan.Refusal).String(), plan.Refusal.Text
		}
		line.Trace = traceLines(d.Trace())
		lines = append(lines, line)
	}
	return lines
}

func actionOf(failure *mail.Failure) gate.Action {
	if failure.Temporary() {
		return gate.Defer
	}
	return gate.Reject
}

// printWhole prints why nobody gets the message, though some could.
func printWhole(w io.Writer, lines []explainedLine) error {
	for _, line := range lines {
		if line.Message == "" || line.Action == gate.Reject.String() || line.Action == gate.Defer.String() {
			continue
		}
		_, err := fmt.Fprintf(w, "\nNobody gets the message (%s): %s\n", line.Message, line.MessageWhy)
		return err
	}
	return nil
}

// printSigner prints whose key signs what is signed or encrypted, which is the same for all recipients.
func printSigner(w io.Writer, lines []explainedLine) error {
	for _, line := range lines {
		var err error
		switch {
		case line.Action != gate.Encrypt.String() && line.Action != gate.SignOnly.String():
			continue
		case line.Signer == "":
			_, err = fmt.Fprintf(w, "\nNobody signs.\n")
		case line.SignerKey == "":
			_, err = fmt.Fprintf(w, "\nThe key of %s signs, which is made with the first message.\n", line.Signer)
		case line.Signer != line.Author:
			_, err = fmt.Fprintf(w, "\nThe key %s of %s signs for %s.\n", line.SignerKey, line.Signer, line.Author)
		default:
			_, err = fmt.Fprintf(w, "\nThe key %s of %s signs.\n", line.SignerKey, line.Signer)
		}
		return err
	}
	return nil
}

// printTraces prints what each key source said of each recipient.
func printTraces(w io.Writer, lines []explainedLine) error {
	for _, line := range lines {
		if len(line.Trace) == 0 {
			continue
		}
		if _, err := fmt.Fprintf(w, "\nWhat the key sources said of %s:\n", line.To); err != nil {
			return err
		}
		for _, step := range line.Trace {
			if _, err := io.WriteString(w, step.text(line.To)); err != nil {
				return err
			}
		}
	}
	return nil
}

func printExplained(w io.Writer, lines []explainedLine, asJSON bool) error {
	no := false
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	if !asJSON {
		fmt.Fprintln(table, "RECIPIENT\tACTION\tMODE\tWHY")
	}
	for _, line := range lines {
		no = no || line.Action == gate.Reject.String() || line.Action == gate.Defer.String()
		var err error
		if asJSON {
			err = printJSON(w, line)
		} else {
			_, err = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", line.To, line.Action, cmp.Or(line.Mode, "-"), line.Why)
		}
		if err != nil {
			return err
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if !asJSON {
		if err := printWhole(w, lines); err != nil {
			return err
		}
		if err := printSigner(w, lines); err != nil {
			return err
		}
		if err := printTraces(w, lines); err != nil {
			return err
		}
	}
	if no {
		return errNo
	}
	return nil
}
