package doctor

import (
	"context"
	"errors"

	"sealmilter/internal/config"
	"sealmilter/internal/wiring"
)

// mailServer is an MTA of this host whose settings were read.
type mailServer interface {
	Name() string
	// ClientAddress is where clients hand in mail, host:port, "" if nowhere.
	ClientAddress() string
}

// mta looks at the settings of the MTAs of this host, and returns those.
func (r *Report) mta(ctx context.Context, c *config.Config) []mailServer {
	const mend = "run check as root: others may not read the MTA's settings"
	var found []mailServer
	none := true
	if p, err := wiring.FindPostfix(ctx, wiring.RunHere); !errors.Is(err, wiring.ErrNoMTA) {
		if none = false; err != nil {
			r.fail("error", "Postfix", err, mend)
		} else {
			r.Findings(p.Check(c))
			r.space("Postfix queue", p.Main["queue_directory"])
			found = append(found, p)
		}
	}
	if s, err := wiring.FindSendmail(ctx, wiring.RunHere); !errors.Is(err, wiring.ErrNoMTA) {
		if none = false; err != nil {
			r.fail("error", "sendmail", err, mend)
		} else {
			r.Findings(s.Check(c))
			r.space("sendmail queue", s.QueueFolder())
			found = append(found, s)
		}
	}
	if none {
		r.add("warning", "MTA", "neither Postfix nor sendmail is installed on this host", "install one, and type sealmilter setup postfix, or setup sendmail")
	}
	return found
}
