package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func newKeysExport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export ADDR|FINGERPRINT",
		Short: "Print certificates, or a sender's secret key or revocation certificate, in ASCII armor",
		Long: `Print the certificate with a fingerprint, or those of an address. With --secret it is a sender's secret key;
with --revocation the certificate by which its owner tells the world that it must not be used any more, which was made
with the key.`,
		Args: cobra.ExactArgs(1),
	}
	revocation := cmd.Flags().Bool("revocation", false, "print the revocation certificate of a sender's key")
	secret := cmd.Flags().Bool("secret", false, "print the secret key, locked as it is stored")
	cmd.MarkFlagsMutuallyExclusive("secret", "revocation")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := checkWhich(args[0]); err != nil {
			return err
		}
		return withInstallation(cmd, func(i *installation) error {
			out := cmd.OutOrStdout()
			if *revocation {
				return i.senders.Revocation(cmd.Context(), out, args[0])
			}
			if !*secret {
				return i.local.Export(cmd.Context(), out, args[0])
			}
			if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
				return fmt.Errorf("a secret key is not printed on a terminal: redirect the output to a file that only you can read")
			}
			return i.senders.Export(cmd.Context(), out, args[0])
		})
	}
	return cmd
}
