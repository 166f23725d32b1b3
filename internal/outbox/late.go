package outbox

import (
	"context"
	"maps"
	"time"
)

// lateRecord has the copies of a message that are in the MTA's queue and that the ledger did not take when that was to be
// recorded. As long as the process lives they count as recorded.
type lateRecord struct {
	copies  []string
	expires time.Time
	// forget are to be called when it is recorded, as the witness then need not do it if the process dies.
	forget []func()
}

// remember keeps what the ledger has not taken. Nothing is kept of a message without a Message-ID: when another host has
// finished it, that can make the ledger forget it but not us, and the next message like it would be swallowed.
func (o *Outbox) remember(id Identity, copies []string, expires time.Time) {
	if !id.named {
		return
	}
	forget := o.entrust(id, copies, expires)
	o.mu.Lock()
	defer o.mu.Unlock()
	late := o.late[id.digest]
	o.late[id.digest] = lateRecord{append(late.copies, copies...), expires, append(late.forget, forget)}
}

// remembered returns the copies of a message that count as recorded at a time.
func (o *Outbox) remembered(id Identity, at time.Time) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if late := o.late[id.digest]; at.Before(late.expires) {
		return late.copies
	}
	return nil
}

// catchUp writes to the ledger what that did not take before.
func (o *Outbox) catchUp(ctx context.Context) error {
	o.mu.Lock()
	all := maps.Clone(o.late)
	o.mu.Unlock()
	for message, late := range all {
		if err := o.ledger.RecordSent(ctx, message, late.copies, late.expires); err != nil {
			return err
		}
	}
	if err := o.ledger.Flush(ctx); err != nil {
		return err
	}
	var recorded []func()
	o.mu.Lock()
	for message, late := range all {
		// An attempt may have added another one.
		if len(o.late[message].copies) == len(late.copies) {
			recorded = append(recorded, o.late[message].forget...)
			delete(o.late, message)
		}
	}
	o.mu.Unlock()
	for _, forget := range recorded {
		forget()
	}
	return nil
}
