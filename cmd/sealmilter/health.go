package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"sealmilter/internal/admin"
	"sealmilter/internal/config"
)

func newHealth() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask the running daemon how it is, as a container engine does",
		Long: `Ask the daemon at the address of admin whether it lives, as /healthz says, and with --ready whether it can handle mail now,
as /readyz says. It prints the answer. The exit status is 0 for yes, 1 if nobody answers, and 3 for no.

A daemon that does not live is to be started anew. One that is not ready is not: it waits for its database or a passphrase,
and check says what to do. A mistake in the configuration file is none of the daemon's, which goes on with what it has read.`,
		Args: cobra.NoArgs,
	}
	ready := cmd.Flags().Bool("ready", false, "ask whether mail can be handled now")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		// A file that somebody is at work on says nothing of the daemon, which has read it before.
		c, err := config.LoadAnyway(cmd.Flag("config").Value.String())
		if c == nil {
			return err
		}
		if c.Admin == "" {
			return errors.New(`there is nobody to ask, because admin is "" in the configuration`)
		}
		path := "/healthz"
		if *ready {
			path = "/readyz"
		}
		yes, text, asked := admin.Ask(cmd.Context(), c.Admin, path)
		if asked != nil {
			return errors.Join(fmt.Errorf("nobody answers at %s, admin in the configuration: %w", c.Admin, asked), err)
		}
		fmt.Fprintln(cmd.OutOrStdout(), text)
		if !yes {
			return errNo
		}
		return nil
	}
	return cmd
}
