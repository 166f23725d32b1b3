package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"sealmilter/internal/config"
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
			return withInstallation(cmd, changes, func(i *installation) error {
				// Whatever the configuration says now: a key may be where it was before.
				secrets, revocations, err := keptFiles(i.Config.State)
				if err != nil {
					return err
				}
				rows, err := i.Store.KeptSecrets(cmd.Context())
				if err != nil {
					return err
				}
				all := slices.Concat(secrets, revocations, rows)
				slices.Sort(all)
				for _, fingerprint := range slices.Compact(all) {
					fmt.Fprintln(cmd.OutOrStdout(), fingerprint)
				}
				return nil
			})
		},
	}
}

// kept returns the fingerprints of the secret keys and of the revocation certificates that are kept where the
// configuration says.
func (i *installation) kept(ctx context.Context) (secrets, revocations []string, err error) {
	if i.Config.Senders.Secrets == config.SecretFiles {
		return keptFiles(i.Config.State)
	}
	if secrets, err = i.Store.SecretFingerprints(ctx); err != nil {
		return nil, nil, err
	}
	revocations, err = i.Store.SecretRevocations(ctx)
	return secrets, revocations, err
}

// keptFiles returns those that are in files in a state directory.
func keptFiles(state string) (secrets, revocations []string, err error) {
	files, err := os.ReadDir(filepath.Join(state, "secret"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	for _, f := range files {
		if name, is := strings.CutSuffix(f.Name(), ".pgp"); is {
			secrets = append(secrets, name)
		} else if name, is := strings.CutSuffix(f.Name(), ".rev"); is {
			revocations = append(revocations, name)
		}
	}
	return secrets, revocations, err
}
