package keys

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sealmilter/internal/mail"
	"sealmilter/internal/shell"
	"sealmilter/internal/store"
)

// conclude turns what the sources said and what is pinned into an answer, and pins what is used for the first time.
// SeenBefore is left to the caller unless this inquiry has seen a key.
func (q *inquiry) conclude(ctx context.Context) (Answer, error) {
	if err := q.rereadPins(ctx); err != nil {
		return Answer{}, err
	}
	held := q.heldPin()
	if q.found != nil && len(q.silent) == 0 {
		senior, why := q.seniorPin()
		if senior == nil {
			return q.compete(ctx)
		}
		q.trace = append(q.trace, Step{Source: q.found.source, Address: q.forms[q.form].String(), Status: None, Detail: why})
		if err := senior.cert.Check(q.now); err != nil {
			return Answer{Status: None, Trace: q.trace, SeenBefore: true,
				Why: fmt.Sprintf("%v (%s); %s has another certificate, %s; to use that: sealmilter keys unpin %s", err,
					senior.cert.Fingerprint(), q.forms[q.form], q.found.cert.Fingerprint(), shell.Arguments(senior.pin.Address))}, nil
		}
		held = senior
	}
	switch {
	case held != nil && held.cert.Check(q.now) == nil:
		if q.found == nil || q.found.cert.Fingerprint() != held.cert.Fingerprint() {
			q.trace = append(q.trace, Step{Source: held.source, Address: held.pin.Address, Status: Found,
				Detail: fmt.Sprintf("%s, pinned on %s, stays in use", held.cert.Fingerprint(), date(held.pin.Pinned))})
		}
		return q.use(held.candidate), nil
	case q.found != nil:
		return Answer{Trace: q.trace, SeenBefore: true,
			Why: fmt.Sprintf("%s did not answer, and %s, which has a key, is trusted less", strings.Join(q.silent, ", "), q.found.source)}, nil
	case len(q.silent) > 0:
		return Answer{Trace: q.trace, SeenBefore: held != nil, Why: strings.Join(q.silent, ", ") + " did not answer"}, nil
	case held != nil && len(q.unusable) == 0:
		q.unusable = append(q.unusable, fmt.Sprintf("%v (%s)", held.cert.Check(q.now), held.cert.Fingerprint()))
	}
	if len(q.unusable) > 0 {
		return Answer{Status: None, Trace: q.trace, Why: strings.Join(q.unusable, "; ")}, nil
	}
	return Answer{Status: None, Trace: q.trace, Why: "no source has a key"}, nil
}

// rereadPins reads the pins again if the store has changed since the sources were asked: what they said, or another
// process has learnt, may be the end of a pinned certificate.
func (q *inquiry) rereadPins(ctx context.Context) error {
	generation, err := q.directory.store.KeyGeneration(ctx)
	if err != nil || generation == q.generation {
		return err
	}
	return q.loadPins(ctx)
}

// heldPin returns the pin of the best form; that of the next one if the first is of no more use and gives way to it by
// the rules.
func (q *inquiry) heldPin() *pinned {
	var held *pinned
	for i, pin := range q.pins {
		switch {
		case pin == nil:
		case held == nil:
			held = pin
		case spent(held.cert, q.now) && q.givesWay(held, pin.candidate, i):
			held = pin
		}
	}
	return held
}

// seniorPin returns the pin of a better form than that of the found certificate which does not give way to it, and why;
// nil for none.
func (q *inquiry) seniorPin() (*pinned, string) {
	for i, pin := range q.pins[:q.form] {
		if pin != nil && !q.givesWay(pin, *q.found, q.form) {
			return pin, fmt.Sprintf("%s is not used for %s, which has a pinned certificate of its own", q.found.cert.Fingerprint(), q.forms[i])
		}
	}
	return nil, ""
}

// givesWay reports whether a pin lets a certificate for another form of the address be used in its place.
func (q *inquiry) givesWay(pin *pinned, to candidate, form int) bool {
	verdict, _ := rival(pin.candidate, to, q.forms[form], q.now).judge()
	return verdict == replacing || verdict == unchanged
}

func (q *inquiry) use(c candidate) Answer {
	return Answer{Status: Found, Cert: c.cert, Source: c.source, Level: c.level, Trace: q.trace}
}

// compete lets the found certificate compete with the pinned one of the same address.
func (q *inquiry) compete(ctx context.Context) (Answer, error) {
	pin := q.pins[q.form]
	if pin.is(q.found.cert) && q.found.level <= pin.level && !q.conflicts(ctx, q.found.source) {
		pin.cert = q.found.cert
		return q.use(pin.candidate), nil
	}
	if q.directory.options.Peek {
		return q.peek(pin), nil
	}
	winner, event, err := q.directory.settle(ctx, q.forms[q.form], *q.found)
	if err != nil {
		return Answer{}, err
	}
	if event != nil {
		q.directory.observer.Happened(*event)
		if event.Kind == Conflicting || event.Kind == Replaced {
			q.trace = append(q.trace, Step{Source: q.found.source, Address: event.Address, Status: None, Detail: event.Why})
		}
	}
	if err := winner.cert.Check(q.now); err != nil {
		return Answer{Status: None, Trace: q.trace, SeenBefore: true, Why: waiting(winner, *q.found, q.forms[q.form], err)}, nil
	}
	return q.use(winner), nil
}

// waiting says why the pinned certificate cannot be used and what could take its place.
func waiting(pin, rival candidate, addr mail.Addr, why error) string {
	return fmt.Sprintf("%v (%s); another certificate waits for a decision: sealmilter keys pin %s",
		why, pin.cert.Fingerprint(), shell.Arguments(addr.String(), rival.cert.Fingerprint()))
}

// conflicts reports whether the pinned address has a conflict that this source has ended by giving the pinned
// certificate.
func (q *inquiry) conflicts(ctx context.Context, source string) bool {
	if source == localName {
		return false
	}
	open, err := q.directory.store.Conflicts(ctx, q.forms[q.form].Key())
	if err != nil {
		return false
	}
	for _, c := range open {
		if c.Source == source {
			return true
		}
	}
	return false
}

// peek is what compete would come to.
func (q *inquiry) peek(pin *pinned) Answer {
	if pin == nil {
		return q.use(*q.found)
	}
	r := rival(pin.candidate, *q.found, q.forms[q.form], q.now)
	verdict, why := r.judge()
	switch {
	case verdict == unchanged && q.found.level <= pin.level:
		pin.cert = q.found.cert
		return q.use(pin.candidate)
	case verdict == outdated:
		return q.use(pin.candidate)
	case verdict == unchanged, verdict == replacing:
		winner := *q.found
		winner.level = r.inherited()
		return q.use(winner)
	}
	q.trace = append(q.trace, Step{Source: q.found.source, Address: q.forms[q.form].String(), Status: None,
		Detail: fmt.Sprintf("%s conflicts with the pinned %s: %s", q.found.cert.Fingerprint(), pin.cert.Fingerprint(), why)})
	if err := pin.cert.Check(q.now); err != nil {
		return Answer{Status: None, Trace: q.trace, SeenBefore: true, Why: waiting(pin.candidate, *q.found, q.forms[q.form], err)}
	}
	return q.use(pin.candidate)
}

// settle decides between a certificate and the pinned one of an address, writes the decision down, and returns the
// certificate to use. The event is nil if nothing changed.
func (d *Directory) settle(ctx context.Context, addr mail.Addr, fresh candidate) (winner candidate, event *Event, err error) {
	now := d.now()
	err = d.store.UpdateKeys(ctx, func(tx *store.KeyTx) error {
		event = nil
		pin := store.Pin{Address: addr.Key(), Fingerprint: fresh.cert.Fingerprint(), Level: uint8(fresh.level),
			Source: fresh.source, Pinned: now, Refresh: d.nextRefresh()}
		winner = fresh
		// Another process may have pinned since.
		row, err := tx.Pin(ctx, addr.Key())
		var old *pinned
		if err == nil {
			old, err = pinnedBy(ctx, tx, d.certs, row)
		}
		switch {
		case errors.Is(err, store.ErrNotFound):
			event = &Event{Kind: Pinned, Address: addr.Key(), Fingerprint: pin.Fingerprint, Source: fresh.source, Why: "it is the first one used"}
			_, err = tx.AddPin(ctx, pin)
			return err
		case err != nil:
			return err
		case old == nil:
			event = &Event{Kind: Pinned, Address: addr.Key(), Fingerprint: pin.Fingerprint, Source: fresh.source,
				Old: row.Fingerprint, Why: "the pinned one is no longer in the store"}
			return tx.SetPin(ctx, pin)
		}
		r := rival(old.candidate, fresh, addr, now)
		verdict, why := r.judge()
		switch verdict {
		case outdated:
			winner = old.candidate
			return nil
		case unchanged:
			if fresh.source != localName {
				if _, err := tx.RemoveConflicts(ctx, addr.Key(), fresh.source); err != nil {
					return err
				}
			}
			winner.level = max(old.level, fresh.level)
			if fresh.level <= old.level {
				winner.source = old.source
				return nil
			}
			pin.Pinned, pin.Refresh, pin.Former = row.Pinned, row.Refresh, row.Former
			return tx.SetPin(ctx, pin)
		case replacing:
			event = &Event{Kind: Replaced, Address: addr.Key(), Fingerprint: pin.Fingerprint, Source: fresh.source,
				Old: row.Fingerprint, Why: why}
			if _, err := tx.RemoveConflicts(ctx, addr.Key(), ""); err != nil {
				return err
			}
			if r.successor {
				pin.Former = strings.TrimSpace(row.Fingerprint + " " + row.Former)
			}
			winner.level = r.inherited()
			pin.Level = uint8(winner.level)
			return tx.SetPin(ctx, pin)
		default:
			winner = old.candidate
			added, err := tx.AddConflict(ctx, store.Conflict{Address: addr.Key(), Fingerprint: pin.Fingerprint,
				Source: fresh.source, Level: uint8(fresh.level), Why: why, Since: now})
			if added {
				event = &Event{Kind: Conflicting, Address: addr.Key(), Fingerprint: pin.Fingerprint, Source: fresh.source,
					Old: row.Fingerprint, Why: why}
			}
			return err
		}
	})
	return winner, event, err
}

func date(t time.Time) string { return t.UTC().Format(time.DateOnly) }
