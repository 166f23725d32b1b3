package main

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"sealmilter/internal/config"
	"sealmilter/internal/event"
	"sealmilter/internal/outbox"
	"sealmilter/keys"
)

// reload reads the configuration again and puts it in force. What needs a restart stays as it is, and is named in the log.
func (i *installation) reload(cmd *cobra.Command, out *outbox.Outbox, log *slog.Logger, observer keys.Observer) (*running, *config.Config, error) {
	c, err := loadConfig(cmd)
	if err != nil {
		return nil, nil, err
	}
	changed := c.KeepUntilRestart(i.Config)
	next, err := i.start(c, out, log, observer)
	if err == nil && len(changed) > 0 {
		event.NeedsRestart.Log(log, event.Settings(strings.Join(changed, ", ")))
	}
	return next, c, err
}

// testConfiguration reads the configuration, and the files that it names, as a daemon does at its start and on SIGHUP.
func testConfiguration(cmd *cobra.Command) error {
	c, err := loadConfig(cmd)
	if err != nil {
		return err
	}
	p, err := openParts(c, nil, slog.New(slog.DiscardHandler)) // nobody is asked for a key
	if err != nil {
		return err
	}
	if err := p.sources.Close(); err != nil {
		return err
	}
	_, err = fmt.Fprintln(cmd.OutOrStdout(), "The configuration is valid.")
	return err
}
