package postfix_test

import (
	"context"
	"testing"

	"sealmilter/internal/lab/labtest"
)

// TestMilterKilledInMidMessage kills the milter while a client sends a message. The real daemon that comes back answers
// for the loopback listener, too.
func TestMilterKilledInMidMessage(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), labtest.Patience)
	defer cancel()
	w := stock.NewWorld(ctx, t, stock.Build(t), false)
	labtest.KillInMidMessage(ctx, t, w, labtest.StartPostfix(ctx, t, fragmentsFor(w)))
	stranger := labtest.Dial(ctx, t, w.Reinject)
	labtest.Said(t, "250")(stranger.Mail("alice@example.org"))
	labtest.Said(t, "554 5.7.1")(stranger.Rcpt("bob@example.net"))
}

// TestLimits has clients that send more than the milter takes.
func TestLimits(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), labtest.Patience)
	t.Cleanup(cancel)
	w := stock.NewWorld(ctx, t, stock.Build(t), false)
	labtest.GoOverLimits(ctx, t, w, labtest.StartPostfix(ctx, t, fragmentsFor(w)))
}
