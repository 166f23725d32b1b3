package admin

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"sealmilter/internal/event"
	"sealmilter/internal/status"
	"sealmilter/keys"
)

// statusPage returns the status page. It says what /readyz says.
func (o *Options) statusPage() http.Handler {
	if file := o.Config.Status.TokenFile; file != "" {
		if _, err := status.ReadToken(file); err != nil {
			event.PageNoToken.Log(o.Log, event.Err(err))
		}
	}
	started := o.Now()
	return status.New(status.Options{
		TokenFile:    o.Config.Status.TokenFile,
		Hosts:        namesOf(o.Config),
		Directory:    func() *keys.Directory { return o.Directory(o.Current()) },
		Certificates: o.Certificates,
		Senders:      o.Senders,
		State:        func(ctx context.Context) status.State { return o.state(ctx, started) },
		Decisions:    func() []status.Decision { return decisionsOf(o.Recent.Copies()) },
		Program:      o.Program,
		Log:          o.Log,
		Now:          o.Now,
		Rand:         o.Rand,
	})
}

// state is what the status page says of the daemon.
func (o *Options) state(ctx context.Context, started time.Time) status.State {
	g := o.Current()
	s := status.State{
		Version:  o.Version,
		Started:  started,
		Mode:     string(g.Config.Policy.Mode),
		Rules:    len(g.Config.Policy.Rules),
		Sources:  g.Config.Keys.Sources,
		Database: "built in, in " + o.Config.State,
		Ready:    o.Health.Ready(ctx),
		Warnings: append(o.Warnings(g), o.Metrics.stock.outlook(ctx).warnings()...),
	}
	if o.Config.Database != "" {
		s.Database = "PostgreSQL"
	}
	return s
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
