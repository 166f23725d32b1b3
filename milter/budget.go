package milter

import (
	"sync"

	"sealmilter/internal/mail"
)

// errBudget is the answer while the budget is spent.
var errBudget = &mail.Failure{Code: 452, Enhanced: "4.3.1",
	Text: "The mail encryption service has too much mail in work. Please try again later."}

// budget counts the octets held by all messages in flight. Its zero value holds none.
type budget struct {
	// changed, if set, is told how many octets are held, in the order of the changes.
	changed func(held int64)

	mu   sync.Mutex
	held int64
}

// take reserves n octets unless more than most would be held.
func (b *budget) take(n, most int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n > most-b.held {
		return false
	}
	b.set(b.held + n)
	return true
}

// give returns n octets.
func (b *budget) give(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.set(b.held - n)
}

func (b *budget) set(held int64) {
	if held == b.held {
		return
	}
	b.held = held
	if b.changed != nil {
		b.changed(held)
	}
}

// What a recipient costs, in octets. Those of ordinary messages are not counted: what every connection needs is enough for
// them. The cost is that of the event, and of what is known about a recipient.
const (
	uncounted     = 100
	recipientCost = 1 << 10
)

// holdRecipient reserves room for one more recipient, whose event has n octets, until the message is over.
func (s *session) holdRecipient(n int) error {
	if len(s.tx.accepted) < uncounted {
		return nil
	}
	cost := int64(n + recipientCost)
	if !s.limits.budget.take(cost, s.limits.inFlight) {
		return errBudget
	}
	s.recipientsHeld += cost
	return nil
}
