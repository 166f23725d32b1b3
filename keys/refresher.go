package keys

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"sealmilter/internal/event"
	"sealmilter/internal/store"
)

// forgetAfter is how long it is kept what a source said of an address that nobody writes to any more.
const forgetAfter = 90 * 24 * time.Hour

// longestRest bounds the time between two looks at what is due.
const longestRest = time.Hour

// Refresher asks the sources about the certificates in use, one after the other, as long as it runs. Who watches the
// questions learns which correspondents there are, but not when mail was sent, nor which of them belong together: the
// times are drawn by chance, each apart from the others. When the next question is due is in the store; after a
// restart it goes on from there, and several processes on one store share the work.
type Refresher struct {
	Directory *Directory
	Log       *slog.Logger
	// Wait returns after a time, or with an error when the context ends.
	Wait func(context.Context, time.Duration) error
}

// Run works until the context ends.
func (r *Refresher) Run(ctx context.Context) {
	forgotten := time.Time{}
	for r.Wait(ctx, r.pause(ctx)) == nil {
		if now := r.Directory.now(); now.Sub(forgotten) > 24*time.Hour {
			forgotten = now
			err := r.Directory.store.UpdateKeys(ctx, func(tx *store.KeyTx) error {
				return tx.ForgetLookups(ctx, now.Add(-forgetAfter))
			})
			if err != nil && ctx.Err() == nil {
				event.AnswersKept.Log(r.Log, event.Err(err))
			}
		}
		if err := r.next(ctx); err != nil && ctx.Err() == nil {
			event.RefreshFails.Log(r.Log, event.Err(err))
		}
	}
}

// pause draws the time until the next question: often enough that all certificates in use can be asked about twice in
// the time in which each is due once.
func (r *Refresher) pause(ctx context.Context) time.Duration {
	longest := longestRest/2 + rand.N(longestRest/2)
	count, err := r.Directory.store.CountPins(ctx)
	if err != nil || count == 0 {
		return longest
	}
	mean := float64(r.Directory.options.Refresh) / float64(2*count)
	return min(time.Duration(rand.ExpFloat64()*mean), longest)
}

// next refreshes what has been due for the longest, if anything is.
func (r *Refresher) next(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("refresh: panic: %v", p)
		}
	}()
	d := r.Directory
	now := d.now()
	// Senders' own keys are put off by a day, whatever the configuration says.
	latest := now.Add(max(d.options.Refresh, ownRefresh) + time.Hour)
	pin, err := d.store.ClaimRefresh(ctx, now, d.nextRefresh(), latest)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	result, err := d.refresh(ctx, pin)
	if err == nil {
		event.KeyRefreshed.Log(r.Log, event.Address(result.Address), event.Key(result.Fingerprint), event.Changed(result.Changed),
			event.Sources(result.Summary()))
	}
	return err
}
