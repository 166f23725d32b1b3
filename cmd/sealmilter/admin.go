package main

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"sealmilter/internal/admin"
	"sealmilter/internal/event"
	"sealmilter/internal/gate"
	"sealmilter/internal/premises"
	"sealmilter/internal/shell"
	"sealmilter/internal/status"
	"sealmilter/keys"
	"sealmilter/milter"
)

// newMetrics returns the metrics of this program, and has them count what lies in the installation.
func (i *installation) newMetrics() (*admin.Metrics, error) {
	hide, err := logTokens(i.Config)
	if err != nil {
		return nil, err
	}
	m := admin.NewMetrics(version())
	m.Observe(i.Store, i.Local, i.Senders, hide)
	return m, nil
}

// health is that of a daemon. The server does not serve yet.
func (i *installation) health(server *milter.Server, standby interface{ State() (bool, int64) }) *admin.Health {
	return admin.NewHealth(admin.Parts{Ping: i.Store.Ping, Probe: i.Store.Probe, WriteFailures: i.Store.WriteFailures,
		Passphrase: i.Senders.TryPassphrase, Server: server, Witness: standby, Now: time.Now})
}

// adminPages returns what the admin listener shows. Current returns the gate of the configuration in force.
func (i *installation) adminPages(cmd *cobra.Command, current func() *gate.Gate, h *admin.Health, m *admin.Metrics,
	log *slog.Logger, recent *event.Recent) http.Handler {
	program := "sealmilter"
	if file := namedFile(cmd); file != "" {
		program += " -c " + shell.Quote(file)
	}
	hostname, err := os.Hostname()
	if err != nil {
		hostname = "" // IP addresses do for monitoring
	}
	return admin.New(admin.Options{
		Version:      version(),
		Config:       i.Config,
		Hostname:     hostname,
		Current:      current,
		Health:       h,
		Metrics:      m,
		Directory:    i.stored,
		Certificates: i.Local,
		Senders:      i.Senders,
		Recent:       recent,
		Warnings:     archiveWarnings,
		Program:      program,
		Log:          log,
		Now:          time.Now,
		Rand:         rand.Reader,
	})
}

// stored returns the key directory of a configuration without its remote sources, and without a trace in the store.
func (i *installation) stored(g *gate.Gate) *keys.Directory {
	sources := new(premises.Sources)
	if slices.Contains(g.Config.Keys.Sources, "local") {
		sources.List = append(sources.List, i.Local)
	}
	return i.directory(g.Config, sources, nil, true)
}

// archiveWarnings are about the certificate of the archive.
func archiveWarnings(g *gate.Gate) []status.Warning {
	if g.Archive == nil {
		return nil
	}
	text, _ := premises.ArchiveTrouble(g.Archive, time.Now())
	if text == "" {
		return nil
	}
	return []status.Warning{{Text: text, Command: []string{"check"}}}
}
