package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func newKeysExport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export ADDR|FINGERPRINT|--all",
		Short: "Print certificates, or senders' secret keys or revocation certificates, in ASCII armor",
		Long: `Print the certificate with a fingerprint, or those of an address. With --secret it is a sender's secret key;
with --revocation the certificate by which its owner tells the world that it must not be used any more, which was made
with the key.

With --all they are all certificates, or all secret keys or revocation certificates, also of keys that were replaced, one after
the other. Who believed what, pins and conflicts
are not in it: "store backup" has them.`,
	}
	all := cmd.Flags().Bool("all", false, "print those of all addresses")
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if *all {
			return cobra.NoArgs(cmd, args)
		}
		return cobra.ExactArgs(1)(cmd, args)
	}
	revocation := cmd.Flags().Bool("revocation", false, "print the revocation certificate of a sender's key")
	secret := cmd.Flags().Bool("secret", false, "print the secret key, locked as it is stored")
	cmd.MarkFlagsMutuallyExclusive("secret", "revocation")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if !*all {
			if err := checkWhich(args[0]); err != nil {
				return err
			}
		}
		return withInstallation(cmd, changes, func(i *installation) error {
			out := cmd.OutOrStdout()
			export := i.Local.Export
			switch {
			case *revocation:
				export = i.Senders.Revocation
			case *secret:
				if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
					return fmt.Errorf("a secret key is not printed on a terminal: redirect the output to a file that only you can read")
				}
				export = i.Senders.Export
			}
			if *all {
				var err error
				if args, err = i.fingerprints(cmd.Context(), *secret, *revocation); err != nil {
					return err
				}
			}
			for _, which := range args {
				if err := export(cmd.Context(), out, which); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return cmd
}

// fingerprints returns those of all certificates, or of all secret keys or revocation certificates, each once and in
// order. A key that was replaced is there as well: answers are encrypted to it.
func (i *installation) fingerprints(ctx context.Context, secret, revocation bool) ([]string, error) {
	var all []string
	switch {
	case revocation:
		_, revocations, err := i.kept(ctx)
		return revocations, err
	case secret:
		rows, err := i.Store.Senders(ctx)
		if err != nil {
			return nil, err
		}
		if all, _, err = i.kept(ctx); err != nil {
			return nil, err
		}
		for _, row := range rows {
			all = append(all, row.Fingerprint) // one whose secret key is lost is an error, and not left out
		}
		slices.Sort(all)
		return slices.Compact(all), nil
	}
	for entry, err := range i.Local.List(ctx) {
		if err != nil {
			return nil, err
		}
		all = append(all, entry.Fingerprint)
	}
	return all, nil
}
