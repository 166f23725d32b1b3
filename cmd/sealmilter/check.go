package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"sealmilter/internal/config"
)

// checkOptions are the flags of the command.
type checkOptions struct {
	// offline asks nobody outside this host.
	offline bool
	// selfTest hands in a message that sealmilter refuses; with send, a real one goes to that address after it.
	selfTest   bool
	send, from string
}

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
	var o checkOptions
	cmd.Flags().BoolVar(&o.offline, "offline", false, "ask neither the resolver nor a key source")
	cmd.Flags().BoolVar(&o.selfTest, "self-test", false, "hand in a test message that nobody gets")
	cmd.Flags().StringVar(&o.send, "send", "", "after the self-test, send one real message to `ADDR`")
	cmd.Flags().StringVar(&o.from, "from", "", "who sends the message of --send, `ADDR`; without it the recipient does")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := o.validate(); err != nil {
			return err
		}
		report := &checkReport{out: cmd.OutOrStdout(), asJSON: *asJSON}
		if c := report.configuration(cmd); c != nil {
			report.everything(cmd, c, o)
		}
		return report.end()
	}
	return cmd
}

func (o *checkOptions) validate() error {
	if o.send == "" {
		if o.from != "" {
			return usageError{errors.New("--from is for --send")}
		}
		return nil
	}
	o.selfTest = true
	if o.from == "" {
		o.from = o.send
	}
	for _, arg := range []*string{&o.send, &o.from} {
		addr, err := parseAddr(*arg)
		if err != nil {
			return err
		}
		*arg = addr.String()
	}
	return nil
}

// everything checks what there is under a valid configuration, from the inside to the outside.
func (r *checkReport) everything(cmd *cobra.Command, c *config.Config, o checkOptions) {
	ctx := cmd.Context()
	r.secretFiles(ctx, c)
	i := r.state(ctx, c)
	if i != nil {
		r.database(ctx, i)
		r.keys(cmd, i)
		r.siteKeys(cmd, i)
		r.logins(ctx, i)
		r.recipients(ctx, i)
		r.conflicts(cmd, i)
	}
	r.smime(ctx, c)
	r.archive(ctx, c)
	r.clock(ctx, i)
	r.sources(ctx, i, c, o.offline)
	r.memory(c)
	mtas := r.mta(ctx, c)
	r.daemon(ctx, c, configFile(cmd))
	r.listeners(c)
	if o.selfTest {
		r.selfTest(ctx, c, mtas, o)
	}
	if i != nil {
		r.err = errors.Join(r.err, i.close())
	}
}

// state opens the state directory, and says why it cannot; nil if there is none.
func (r *checkReport) state(ctx context.Context, c *config.Config) *installation {
	const topic = "state"
	if _, err := os.Stat(c.State); errors.Is(err, fs.ErrNotExist) {
		// Made here, it would belong to whoever checks.
		r.add("warning", topic, c.State+" does not exist yet",
			"sealmilter setup makes it; by hand: install -d -m 0700 -o USER "+c.State+", with the user that runs serve")
		return nil
	}
	r.owner(c.State)
	r.private(c.State)
	r.space(topic, c.State)
	if r.lost(ctx, c) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	i, err := openState(ctx, c)
	if err != nil {
		r.fail("error", databaseTopic, err, "give "+c.State+" to the user that runs sealmilter serve")
		return nil
	}
	return i
}
