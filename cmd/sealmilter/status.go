package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"sealmilter/internal/event"
	"sealmilter/internal/gate"
	"sealmilter/internal/premises"
	"sealmilter/internal/status"
	"sealmilter/keys"
)

// withStatus puts the status page beside the other pages of the admin listener. Current returns the gate of the
// configuration in force, and ready says why no message can be handled, as /readyz does.
func (i *installation) withStatus(cmd *cobra.Command, admin http.Handler, current func() *gate.Gate, ready func(context.Context) error,
	log *slog.Logger, recent *event.Recent) http.Handler {
	started, program := time.Now(), "sealmilter"
	if file, err := cmd.Flags().GetString("config"); err == nil && file != "" {
		program += " -c " + status.Quote(file)
	}
	if file := i.config.Status.TokenFile; file != "" {
		if _, err := status.ReadToken(file); err != nil {
			event.PageNoToken.Log(log, event.Err(err))
		}
	}
	page := status.New(status.Options{
		TokenFile:    i.config.Status.TokenFile,
		Hosts:        i.config.Status.Hosts,
		Directory:    func() *keys.Directory { return i.stored(current()) },
		Certificates: i.local,
		Senders:      i.senders,
		State: func(ctx context.Context) status.State {
			s := i.state(current(), started)
			s.Ready = ready(ctx)
			return s
		},
		Decisions: func() []status.Decision { return decisionsOf(recent.Copies()) },
		Program:   program,
		Log:       log,
		Now:       time.Now,
		Rand:      rand.Reader,
	})
	mux := http.NewServeMux()
	mux.Handle("/", admin)
	mux.Handle(status.Root, page)
	mux.Handle("GET /{$}", http.RedirectHandler(status.Root, http.StatusSeeOther))
	return mux
}

// decisionsOf returns what the log says of the last copies, with addresses as the log has them.
func decisionsOf(copies []event.Line) []status.Decision {
	all := make([]status.Decision, len(copies))
	for i, c := range copies {
		all[i] = status.Decision{At: c.Time, Queue: c.Attrs["queue_id"], From: c.Attrs["from"], To: c.Attrs["to"], Do: c.Attrs["decision"],
			Fingerprint: c.Attrs["key"], Source: c.Attrs["source"], Level: c.Attrs["trust"], Why: cmp.Or(c.Attrs["why"], c.Attrs["err"])}
		if c.Event == event.CopyFailed.Name() {
			all[i].Do = "failed"
		}
	}
	return all
}

// stored returns the key directory of a configuration without its remote sources, and without a trace in the store.
func (i *installation) stored(g *gate.Gate) *keys.Directory {
	sources := new(premises.Sources)
	if slices.Contains(g.Config.Keys.Sources, "local") {
		sources.List = append(sources.List, i.local)
	}
	return i.directory(g.Config, sources, nil, true)
}

// state is what the status page says of the daemon, but for whether it is ready.
func (i *installation) state(g *gate.Gate, started time.Time) status.State {
	s := status.State{
		Version:  version(),
		Started:  started,
		Mode:     string(g.Config.Policy.Mode),
		Rules:    len(g.Config.Policy.Rules),
		Sources:  g.Config.Keys.Sources,
		Database: "built in, in " + i.config.State,
	}
	if i.config.Database != "" {
		s.Database = "PostgreSQL"
	}
	if g.Archive != nil {
		if text, _ := premises.ArchiveTrouble(g.Archive, time.Now()); text != "" {
			s.Warnings = append(s.Warnings, status.Warning{Text: text, Command: "sealmilter check"})
		}
	}
	return s
}
