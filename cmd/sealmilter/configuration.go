package main

import (
	"cmp"

	"github.com/spf13/cobra"

	"sealmilter/internal/config"
)

// loadConfig reads the file of -c, or the default one.
func loadConfig(cmd *cobra.Command) (*config.Config, error) {
	file, err := cmd.Flags().GetString("config")
	if err != nil {
		return nil, err
	}
	return config.Load(file)
}

// configFile returns the file that a command's configuration comes from.
func configFile(cmd *cobra.Command) string {
	return cmp.Or(cmd.Flag("config").Value.String(), config.DefaultFile)
}
