package doctor

import (
	"context"
	"errors"
	"fmt"

	"sealmilter/internal/config"
	"sealmilter/internal/shell"
	"sealmilter/internal/wiring"
)

// mailServer is an MTA of this host whose settings were read.
type mailServer interface {
	Name() string
	// ClientAddress is where clients hand in mail, host:port, "" if nowhere.
	ClientAddress() string
	// Settings are the files with its settings.
	Settings() []string
	OtherFilters(c *config.Config) []wiring.OtherFilter
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
			r.ofMTA(ctx, "Postfix", p, c)
			r.space("Postfix queue", p.Main["queue_directory"])
			found = append(found, p)
		}
	}
	if s, err := wiring.FindSendmail(ctx, wiring.RunHere); !errors.Is(err, wiring.ErrNoMTA) {
		if none = false; err != nil {
			r.fail("error", "sendmail", err, mend)
		} else {
			r.Findings(s.Check(c))
			r.ofMTA(ctx, "sendmail", s, c)
			r.space("sendmail queue", s.QueueFolder())
			found = append(found, s)
		}
	}
	if none {
		r.add("warning", "MTA", "neither Postfix nor sendmail is installed on this host", "install one, and type sealmilter setup postfix, or setup sendmail")
	}
	return found
}

// ofMTA looks at what belongs to the settings of an MTA, and is not in them.
func (r *Report) ofMTA(ctx context.Context, topic string, m mailServer, c *config.Config) {
	for _, file := range m.Settings() {
		if its, there := accessOf(file); there && its.mode&0o002 != 0 {
			r.add("error", topic, fmt.Sprintf("others may write %s (mode %04o), and whoever does decides what goes past sealmilter", file, its.mode), shell.Quote("chmod", "o-w", file))
		}
	}
	for _, f := range m.OtherFilters(c) {
		if Listens(ctx, config.Listen{Network: f.Network, Address: f.Address}) {
			continue
		}
		state, effect := wiring.Error, "all mail that is shown to it is put off"
		if f.Passes {
			state, effect = wiring.Warning, "mail goes on without it"
		}
		r.add(state, topic+" filter", fmt.Sprintf("%s, which is asked beside sealmilter, does not answer: %s", f.Text, effect), "start that filter, or take it out of the settings; "+mtaLog)
	}
}
