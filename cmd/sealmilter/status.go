package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sealmilter/internal/gate"
	"sealmilter/internal/status"
	"sealmilter/keys"
)

// withStatus puts the status page beside the other pages of the admin listener. Current returns the gate of the
// configuration in force.
func (i *installation) withStatus(cmd *cobra.Command, admin http.Handler, current func() *gate.Gate, log *slog.Logger) http.Handler {
	started, program := time.Now(), "sealmilter"
	if file, err := cmd.Flags().GetString("config"); err == nil && file != "" {
		program += " -c " + status.Quote(file)
	}
	if file := i.config.Status.TokenFile; file != "" {
		if _, err := status.ReadToken(file); err != nil {
			log.Error("nobody can log in to the status page", "err", err)
		}
	}
	page := status.New(status.Options{
		TokenFile:    i.config.Status.TokenFile,
		Open:         strings.HasPrefix(i.config.Admin, "unix:"),
		Hosts:        i.config.Status.Hosts,
		Directory:    func() *keys.Directory { return i.stored(current()) },
		Certificates: i.local,
		Senders:      i.senders,
		State: func(ctx context.Context) status.State {
			return i.state(ctx, current(), started)
		},
		Program: program,
		Log:     log,
		Now:     time.Now,
		Rand:    rand.Reader,
	})
	mux := http.NewServeMux()
	mux.Handle("/", admin)
	mux.Handle(status.Root, page)
	mux.Handle("GET /{$}", http.RedirectHandler(status.Root, http.StatusSeeOther))
	return mux
}

// stored returns the key directory of a configuration without its remote sources, and without a trace in the store.
func (i *installation) stored(g *gate.Gate) *keys.Directory {
	sources := new(keySources)
	if slices.Contains(g.Config.Keys.Sources, "local") {
		sources.list = append(sources.list, i.local)
	}
	return i.directory(g.Config, sources, nil, true)
}

// state is what the status page says of the daemon.
func (i *installation) state(ctx context.Context, g *gate.Gate, started time.Time) status.State {
	s := status.State{
		Version:  version(),
		Started:  started,
		Mode:     string(g.Config.Policy.Mode),
		Rules:    len(g.Config.Policy.Rules),
		Sources:  g.Config.Keys.Sources,
		Database: "built in, in " + i.config.State,
		Ready:    i.ready(ctx),
	}
	if i.config.Database != "" {
		s.Database = "PostgreSQL"
	}
	if g.Archive != nil {
		if text, _ := archiveTrouble(g.Archive, time.Now()); text != "" {
			s.Warnings = append(s.Warnings, status.Warning{Text: text, Command: "sealmilter check"})
		}
	}
	return s
}
