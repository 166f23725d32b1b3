package main

import (
	"context"
	"errors"

	"sealmilter/internal/config"
	"sealmilter/internal/wiring"
)

// mta looks at the settings of the MTAs of this host.
func (r *checkReport) mta(ctx context.Context, c *config.Config) {
	const mend = "run check as root: others may not read the MTA's settings"
	none := true
	if p, err := wiring.FindPostfix(ctx, wiring.RunHere); !errors.Is(err, wiring.ErrNoMTA) {
		if none = false; err != nil {
			r.add("error", "Postfix", err.Error(), mend)
		} else {
			r.findings(p.Check(c))
		}
	}
	if s, err := wiring.FindSendmail(ctx, wiring.RunHere); !errors.Is(err, wiring.ErrNoMTA) {
		if none = false; err != nil {
			r.add("error", "sendmail", err.Error(), mend)
		} else {
			r.findings(s.Check(c))
		}
	}
	if none {
		r.add("warning", "MTA", "neither Postfix nor sendmail is installed on this host", "")
	}
}

func (r *checkReport) findings(all []wiring.Finding) {
	for _, f := range all {
		r.add(string(f.State), f.Topic, f.Detail, f.Mend)
	}
}
