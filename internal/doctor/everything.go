package doctor

import (
	"context"
	"errors"

	"sealmilter/internal/config"
)

// Options say what Everything may do beside looking.
type Options struct {
	// Offline asks nobody outside of this host.
	Offline bool
	// SelfTest hands in a message that sealmilter refuses.
	SelfTest bool
	// Send is an address to which a real message goes after the self-test, from the address From; "" for none.
	Send, From string
}

// Everything checks what there is under a valid configuration, from the inside to the outside.
func (r *Report) Everything(ctx context.Context, c *config.Config, o Options) {
	r.secretFiles(ctx, c)
	i := r.state(ctx, c)
	if i != nil {
		r.database(ctx, i)
		r.senders(ctx, i)
		r.siteKeys(ctx, i)
		r.logins(ctx, i)
		r.recipients(ctx, i)
		r.conflicts(ctx, i)
	}
	r.smime(ctx, c)
	r.archive(ctx, c)
	r.clock(ctx, i)
	r.sources(ctx, i, c, o.Offline)
	r.memory(c)
	mtas := r.mta(ctx, c)
	r.daemon(ctx, c, r.program.file())
	r.Listeners(c)
	if o.SelfTest {
		r.selfTest(ctx, c, mtas, o)
	}
	if i != nil {
		r.err = errors.Join(r.err, i.Close())
	}
}
