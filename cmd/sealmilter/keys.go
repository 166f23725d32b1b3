package main

import (
	"encoding/json"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"sealmilter/internal/premises"
	"sealmilter/keys"
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

// withInstallation runs work between opening and closing the installation of the command's configuration.
func withInstallation(cmd *cobra.Command, work func(*installation) error) error {
	return withInstallationFor(cmd, changes, work)
}

// withInstallationFor is withInstallation for a command that perhaps only looks.
func withInstallationFor(cmd *cobra.Command, e effect, work func(*installation) error) (err error) {
	i, err := openInstallation(cmd, e)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.close()) }()
	return work(i)
}

// effect says whether a command may pin certificates, record conflicts, and bring an older database up to date.
type effect bool

const (
	looks   effect = false // its lookups leave no trace but in the cache
	changes effect = true
)

// withDirectory runs work with the key directory of the command's configuration.
func withDirectory(cmd *cobra.Command, e effect, work func(*installation, *keys.Directory) error) error {
	return withInstallationFor(cmd, e, func(i *installation) (err error) {
		sources, err := premises.OpenSources(i.config, i.local)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, sources.Close()) }()
		return work(i, i.directory(i.config, sources, nil, e == looks))
	})
}

// jsonFlag adds --json, one object per line.
func jsonFlag(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("json", false, "print one JSON object per line")
}

// printJSON prints one line.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
