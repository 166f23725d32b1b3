package outbox

import (
	"context"
	"maps"
	"slices"
)

// Answered notes that the client of a finished message is being told so: it is called just before that. From then on a
// message without a Message-ID is another one when it comes again. It may be called after End.
func (a *Attempt) Answered() {
	if a.forget != nil {
		a.forget()
		a.forget = nil
	}
}

// Unanswered notes instead that the client of a finished message cannot be told so, and will try again. It is called
// after End, and does nothing after Answered.
func (a *Attempt) Unanswered() {
	if a.forget == nil {
		return
	}
	defer a.Answered()
	ctx, cancel := context.WithTimeout(context.Background(), recordTimeout)
	defer cancel()
	// Whoever has the message now, or cannot be asked about it, may have finished it by the time of a record.
	if claimed, err := a.outbox.ledger.Claim(ctx, a.identity.digest); err != nil || !claimed {
		return
	}
	defer a.outbox.ledger.ReleaseClaim(ctx, a.identity.digest) // after an error, it runs out
	a.record(ctx, slices.Collect(maps.Keys(a.sent))...)        // after an error, the next try sends all of it again
}
