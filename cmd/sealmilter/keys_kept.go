package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// newKeysKept is for the package, which deletes the database when it is purged unless something is lost with it.
func newKeysKept() *cobra.Command {
	return &cobra.Command{
		Use:   "kept",
		Short: "Name every secret key and revocation certificate that is kept, whether it signs for somebody or not",
		Long: `Name every secret key and revocation certificate that is kept, whether it signs for somebody or not: also keys that were
replaced, and the revocation certificates of keys that are gone.`,
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withInstallation(cmd, func(i *installation) error {
				inDatabase, err := i.store.KeptSecrets(cmd.Context())
				if err != nil {
					return err
				}
				for _, fingerprint := range inDatabase {
					fmt.Fprintln(cmd.OutOrStdout(), fingerprint)
				}
				files, err := os.ReadDir(filepath.Join(i.config.State, "secret"))
				if errors.Is(err, fs.ErrNotExist) {
					return nil
				}
				for _, f := range files {
					fmt.Fprintln(cmd.OutOrStdout(), f.Name())
				}
				return err
			})
		},
	}
}
