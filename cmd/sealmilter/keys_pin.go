package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sealmilter/keys"
)

func newKeysPin() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pin ADDR FINGERPRINT",
		Short: "Use this certificate for an address, whatever the key sources say",
		Long: `Use the certificate with this fingerprint for an address, because you have compared the fingerprint with its
owner. Conflicts of the address are settled by it. The certificate must be known: from "keys list --conflicts", an
import or a lookup.`,
		Args: cobra.ExactArgs(2),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		addr, err := parseAddr(args[0])
		if err != nil {
			return err
		}
		fingerprint, err := keys.ParseFingerprint(args[1])
		if err != nil {
			return usageError{err}
		}
		return withDirectory(cmd, changes, func(_ *installation, d *keys.Directory) error {
			if err := d.Pin(cmd.Context(), addr, fingerprint); err != nil {
				return err
			}
			return printChange(cmd, *asJSON, changeLine{Address: addr.Key(), Fingerprint: fingerprint, Change: "pinned"},
				fmt.Sprintf("%s is now used for %s.", fingerprint, addr))
		})
	}
	return cmd
}

func newKeysUnpin() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "unpin ADDR",
		Short: "Forget which certificate was used for an address",
		Long: `Forget which certificate was used for an address, and its conflicts. What the key sources say at the next
message is used, and pinned anew.`,
		Args: cobra.ExactArgs(1),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		addr, err := parseAddr(args[0])
		if err != nil {
			return err
		}
		return withDirectory(cmd, changes, func(_ *installation, d *keys.Directory) error {
			if err := d.Unpin(cmd.Context(), addr); err != nil {
				return err
			}
			return printChange(cmd, *asJSON, changeLine{Address: addr.Key(), Change: "unpinned"},
				fmt.Sprintf("The certificate for %s is chosen anew at the next message.", addr))
		})
	}
	return cmd
}

// changeLine is the line of --json of a command that changes one thing.
type changeLine struct {
	Address     string `json:"address,omitempty"`
	Fingerprint string `json:"fingerprint,omitempty"`
	Change      string `json:"change"` // pinned, unpinned or removed
}

// printChange says what was done, as a line for a script or a sentence.
func printChange(cmd *cobra.Command, asJSON bool, line changeLine, sentence string) error {
	if asJSON {
		return printJSON(cmd.OutOrStdout(), line)
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), sentence)
	return err
}
