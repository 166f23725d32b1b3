package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"sealmilter/internal/config"
	"sealmilter/internal/premises"
	"sealmilter/internal/store"
	"sealmilter/internal/witness"
)

// witnessCommand is the name of the command that serve runs.
const witnessCommand = "witness"

func newWitness() *cobra.Command {
	cmd := &cobra.Command{
		Use:    witnessCommand,
		Short:  "Record what a serve that has crashed could not; run by serve alone",
		Hidden: true,
		Args:   cobra.NoArgs,
	}
	format := cmd.Flags().String("log", "", "as [log] format")
	addresses := cmd.Flags().String("addresses", "", "as [log] addresses")
	state := cmd.Flags().String("state", "", "as state")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		// Who stops the service signals all of its processes, and a watchdog of systemd does so with SIGABRT. This one
		// ends with the milter, and not before it; and the log may have no reader any more.
		signal.Ignore(syscall.SIGHUP, syscall.SIGABRT, syscall.SIGPIPE)
		conn, claims := witness.Inherited()
		log, err := newLogger(cmd.ErrOrStderr(), config.Log{Format: *format, Addresses: config.LogAddresses(*addresses)}, *state, nil)
		if err != nil {
			return err
		}
		return witness.Attend(context.WithoutCancel(cmd.Context()), conn, claims, witness.Duty{
			Open: openLedger,
			Hold: store.HoldClaims,
			Log:  log,
			Wait: wait,
		})
	}
	return cmd
}

// ledgerNote tells the witness where the ledger is. The configuration file may have changed by the time.
type ledgerNote struct{ Database, State string }

// openLedger opens the ledger that a note of startWitness tells of.
func openLedger(ctx context.Context, note []byte) (witness.Ledger, error) {
	var n ledgerNote
	if err := json.Unmarshal(note, &n); err != nil {
		return nil, fmt.Errorf("the milter's note: %w", err)
	}
	return store.OpenWithState(ctx, n.Database, n.State)
}

// startWitness starts the process that records what this one could not if it crashed.
func (i *installation) startWitness(log *slog.Logger) (*witness.Witness, error) {
	claims, err := i.Store.ClaimsFile()
	if err != nil {
		return nil, err
	}
	note, err := json.Marshal(ledgerNote{premises.Database(i.Config), i.Config.State})
	if err != nil {
		return nil, err
	}
	return witness.Start(witness.Options{
		Claims: claims,
		Note:   note,
		Log:    log,
		Wait:   wait,
		Spawn:  witness.Spawner(witnessCommand, "--log="+i.Config.Log.Format, "--addresses="+string(i.Config.Log.Addresses), "--state="+i.Config.State),
	}), nil
}
