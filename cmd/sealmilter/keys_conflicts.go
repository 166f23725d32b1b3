package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"sealmilter/internal/shell"
	"sealmilter/keys"
)

// conflictLine is one conflict of "keys list --conflicts".
type conflictLine struct {
	Address     string    `json:"address"`
	Pinned      string    `json:"pinned"`
	Fingerprint string    `json:"fingerprint"`
	Source      string    `json:"source"`
	Level       string    `json:"level"`
	Why         string    `json:"why"`
	Since       time.Time `json:"since"`
}

// printConflicts prints which certificates wait for an administrator's decision.
func printConflicts(cmd *cobra.Command, d *keys.Directory, asJSON bool) error {
	all, err := d.Conflicts(cmd.Context())
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	for _, c := range all {
		if asJSON {
			err = printJSON(out, conflictLine{c.Address, c.Pinned, c.Fingerprint, c.Source, c.Level.String(), c.Why, c.Since})
		} else {
			_, err = fmt.Fprintf(out, "%s\n  in use  %s\n  waits   %s from %s since %s: %s\n  -> after comparing the fingerprint with its owner: sealmilter keys pin %s\n",
				c.Address, c.Pinned, c.Fingerprint, c.Source, c.Since.Format(time.DateOnly), c.Why, shell.Arguments(c.Address, "FINGERPRINT"))
		}
		if err != nil {
			return err
		}
	}
	if len(all) == 0 && !asJSON {
		_, err = fmt.Fprintln(out, "No certificate waits for a decision.")
	}
	return err
}
