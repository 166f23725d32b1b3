package main

import (
	"cmp"

	"github.com/spf13/cobra"

	"sealmilter/internal/config"
)

// loadConfig reads the file of -c, or the default one.
func loadConfig(cmd *cobra.Command) (*config.Config, error) {
	return config.Load(namedFile(cmd))
}

// namedFile returns the file of -c, "" for the default one.
func namedFile(cmd *cobra.Command) string { return cmd.Flag("config").Value.String() }

// configFile returns the file that a command's configuration comes from.
func configFile(cmd *cobra.Command) string {
	return cmp.Or(namedFile(cmd), config.DefaultFile)
}
