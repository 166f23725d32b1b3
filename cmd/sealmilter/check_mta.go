package main

import (
	"context"
	"errors"

	"sealmilter/internal/config"
	"sealmilter/internal/wiring"
)

// mta looks at the settings of the MTA of this host.
func (r *checkReport) mta(ctx context.Context, c *config.Config) {
	p, err := wiring.FindPostfix(ctx, wiring.RunHere)
	switch {
	case errors.Is(err, wiring.ErrNoMTA):
		r.add("warning", "MTA", "neither Postfix nor sendmail is installed on this host", "")
	case err != nil:
		r.add("error", "MTA", err.Error(), "run check as root: others may not read the MTA's settings")
	default:
		for _, f := range p.Check(c) {
			r.finding(f)
		}
	}
}

func (r *checkReport) finding(f wiring.Finding) { r.add(string(f.State), f.Topic, f.Detail, f.Mend) }
