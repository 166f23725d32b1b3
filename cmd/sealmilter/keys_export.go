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
		Short: "Print certificates, or with --secret a sender's secret key, in ASCII armor",
		Args:  cobra.ExactArgs(1),
	}
	secret := cmd.Flags().Bool("secret", false, "print the secret key, locked as it is stored")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withInstallation(cmd, func(i *installation) error {
			out := cmd.OutOrStdout()
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
