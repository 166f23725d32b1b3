package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func newKeys() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Manage certificates of recipients and secret keys of senders",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usageError{errors.New("say what to do: import, list, lookup, generate, export, pin, unpin, remove, refresh or publish")}
		},
	}
	cmd.AddCommand(newKeysImport(), newKeysList(), newKeysLookup(), newKeysGenerate(), newKeysExport(), newKeysPin(),
		newKeysUnpin(), newKeysRemove(), newKeysRefresh(), newKeysPublish(), newKeysKept())
	return cmd
}
