package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"sealmilter/internal/doctor"
)

func newCheck() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check everything that sealmilter depends on; say what is wrong and how to mend it",
		Long: `Check the configuration, files and their permissions, the database, the senders' keys, clock, resolver, key sources, the
MTA's settings and the running daemon. Each line is ok, warning or error, says what it means, and what to type. Run it as
root: others do not see everything. The exit status is 1 if there is an error. docs/check.md explains each line.

Nothing is changed, and no mail is sent, but by these flags: --self-test hands in a message that sealmilter has to refuse,
so that nobody gets it and the whole way is proven; --send ADDR sends that one real message after it.`,
		Args: cobra.NoArgs,
	}
	asJSON := jsonFlag(cmd)
	var o doctor.Options
	cmd.Flags().BoolVar(&o.Offline, "offline", false, "ask neither the resolver nor a key source")
	cmd.Flags().BoolVar(&o.SelfTest, "self-test", false, "hand in a test message that nobody gets")
	cmd.Flags().StringVar(&o.Send, "send", "", "after the self-test, send one real message to `ADDR`")
	cmd.Flags().StringVar(&o.From, "from", "", "who sends the message of --send, `ADDR`; without it the recipient does")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := withSender(&o); err != nil {
			return err
		}
		report := newReport(cmd, *asJSON)
		if c := report.Configuration(cmd.Context()); c != nil {
			report.Everything(cmd.Context(), c, o)
		}
		if n := report.Errors(); report.Err() == nil && n > 0 {
			return fmt.Errorf("errors found: %d", n)
		}
		return report.Err()
	}
	return cmd
}

// withSender completes the options about a real message.
func withSender(o *doctor.Options) error {
	if o.Send == "" {
		if o.From != "" {
			return usageError{errors.New("--from is for --send")}
		}
		return nil
	}
	o.SelfTest = true
	if o.From == "" {
		o.From = o.Send
	}
	for _, arg := range []*string{&o.Send, &o.From} {
		addr, err := parseAddr(*arg)
		if err != nil {
			return err
		}
		*arg = addr.String()
	}
	return nil
}
