package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"sealmilter/internal/config"
	"sealmilter/internal/premises"
	"sealmilter/internal/store"
)

func newStoreBackup() *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the built-in database, as it is at this moment, to a new file",
		Long: `Copy the built-in database, as it is at this moment, to a new file that only its owner can read. The daemon goes on
meanwhile. To restore it, stop the daemon, move a copy of the file to the place of the database, and start the daemon:
docs/operations.md has all steps.

The secret keys of senders, where they are kept in files, the passphrase and the configuration are not in the database, and
are named at the end. A PostgreSQL database is backed up by pg_dump.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			c, err := loadConfig(cmd)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, premises.GiveBack(c.State)) }()
			err = store.Backup(cmd.Context(), premises.Database(c), args[0])
			if errors.Is(err, store.ErrNotSQLite) {
				err = fmt.Errorf("%w --format=custom --file=%s URL, with the URL that database has in the configuration: docs/database.md", err, args[0])
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is the database of this moment, and was checked.\n", args[0])
			for _, more := range besideDatabase(cmd, c) {
				fmt.Fprintf(cmd.OutOrStdout(), "not in it: %s\n", more)
			}
			return nil
		},
	}
}

// besideDatabase names what a backup has to have beside the database.
func besideDatabase(cmd *cobra.Command, c *config.Config) []string {
	var all []string
	if secret := filepath.Join(c.State, "secret"); c.Senders.Secrets == config.SecretFiles && premises.Exists(secret) {
		all = append(all, secret+", the senders' secret keys")
	}
	if file := c.Senders.PassphraseFile; file != "" {
		all = append(all, file+", the passphrase of the secret keys; keep it apart from them")
	}
	if file := configFile(cmd); premises.Exists(file) {
		all = append(all, file+", the configuration")
	}
	return all
}
