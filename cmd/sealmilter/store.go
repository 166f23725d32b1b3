package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func newStore() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "store",
		Short: "Back up the database, or move to another one",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usageError{errors.New("say what to do: backup or migrate")}
		},
	}
	cmd.AddCommand(newStoreBackup(), newStoreMigrate())
	return cmd
}
