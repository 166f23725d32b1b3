package main

import (
	"fmt"

	"github.com/spf13/cobra"
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
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkWhich(args[0]); err != nil {
			return err
		}
		return withInstallation(cmd, func(i *installation) error {
			remove, what := i.local.Remove, "certificate"
			if *secret {
				remove, what = i.senders.Remove, "secret key"
			}
			if err := remove(cmd.Context(), args[0]); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "Removed the %s of %s.\n", what, args[0])
			return err
		})
	}
	return cmd
}
