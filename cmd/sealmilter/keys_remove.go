package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"sealmilter/keys"
)

func newKeysRemove() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remove ADDR|FINGERPRINT",
		Short: "Remove certificates, or with --secret a sender's secret key",
		Long: `Remove the certificate with a fingerprint, or the certificates of an address. With --secret it is the
sender's secret key that goes, for good: mail that was encrypted to it can no longer be read with it.`,
		Args: cobra.ExactArgs(1),
	}
	secret := cmd.Flags().Bool("secret", false, "remove the secret key and keep the certificate")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkWhich(args[0]); err != nil {
			return err
		}
		return withInstallation(cmd, changes, func(i *installation) error {
			remove, what := i.Local.Remove, "certificate"
			if *secret {
				remove, what = i.Senders.Remove, "secret key"
			}
			if err := remove(cmd.Context(), args[0]); err != nil {
				return err
			}
			line := changeLine{Address: args[0], Change: "removed"}
			if fingerprint, err := keys.ParseFingerprint(args[0]); err == nil {
				line = changeLine{Fingerprint: fingerprint, Change: "removed"}
			}
			return printChange(cmd, *asJSON, line, fmt.Sprintf("Removed the %s of %s.", what, args[0]))
		})
	}
	return cmd
}
