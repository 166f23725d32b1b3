package doctor

import (
	"context"
	"errors"
	"io/fs"

	"sealmilter/internal/config"
	"sealmilter/internal/premises"
	"sealmilter/internal/store"
)

// AnySender says what it means for the mail that now comes to sealmilter if nobody's key can sign it.
func (r *Report) AnySender(ctx context.Context, c *config.Config) {
	if err := premises.Lost(c); err != nil {
		r.fail("error", "senders", err, "")
		return
	}
	i, err := premises.Look(ctx, c)
	if older := (*store.OlderSchema)(nil); errors.Is(err, fs.ErrNotExist) || errors.As(err, &older) && older.Schema == 0 {
		r.noSender(c.Senders.MissingKey)
		return
	}
	if err != nil {
		r.fail("error", "state", err, "sealmilter check says more")
		return
	}
	switch all, err := i.Senders.List(ctx); {
	case err != nil:
		r.fail("error", "senders", err, "sealmilter check says more")
	case len(all) == 0:
		r.noSender(c.Senders.MissingKey)
	}
	r.err = errors.Join(r.err, i.Close())
}
