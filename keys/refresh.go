package keys

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sealmilter/internal/mail"
	"sealmilter/internal/store"
)

// Refreshed is what came of asking about the certificate in use for an address.
type Refreshed struct {
	Address     string // as it is looked up
	Fingerprint string // of the certificate in use afterwards
	// Changed says that a source brought something new of it, or another certificate.
	Changed bool
	// Trace is what each source said.
	Trace []Step
}

// Refresh asks the remote sources about the certificate in use for an address, however fresh it is: by its fingerprint
// where a source allows, which names no correspondent, and else by the address where the certificate may have come
// from. Errors wrap [ErrNotFound] if no certificate is in use.
func (d *Directory) Refresh(ctx context.Context, addr mail.Addr) (Refreshed, error) {
	pin, err := d.store.Pin(ctx, d.options.Map.target(addr).Key())
	if errors.Is(err, store.ErrNotFound) {
		return Refreshed{}, fmt.Errorf("refresh %s: %w is in use", addr, ErrNotFound)
	}
	if err != nil {
		return Refreshed{}, fmt.Errorf("refresh %s: %w", addr, err)
	}
	return d.refresh(ctx, pin)
}

func (d *Directory) refresh(ctx context.Context, pin store.Pin) (Refreshed, error) {
	result := Refreshed{Address: pin.Address, Fingerprint: pin.Fingerprint}
	before, err := d.store.Certificate(ctx, pin.Fingerprint)
	if err != nil {
		return result, fmt.Errorf("refresh %s: %w", pin.Address, err)
	}
	addr, err := mail.ParsePath(pin.Address)
	if err != nil {
		return result, fmt.Errorf("refresh %s: %w", pin.Address, err)
	}
	q := &inquiry{directory: d, now: d.now(), forms: []mail.Addr{addr}}
	if err := q.loadPins(ctx); err != nil {
		return result, fmt.Errorf("refresh %s: %w", pin.Address, err)
	}
	for _, source := range d.sources {
		r, outside := source.(*remote)
		if !outside || ctx.Err() != nil {
			continue
		}
		if byPrint, able := r.Source.(FingerprintSource); able {
			q.askByFingerprint(ctx, byPrint, addr, pin.Fingerprint)
		} else if mayAsk(r, addr) && q.found == nil {
			q.askAgain(ctx, r)
		}
	}
	// As in a lookup: whoever silences a better source must not be able to fill another one.
	if q.found != nil && len(q.silent) == 0 {
		if _, err := q.compete(ctx); err != nil {
			return result, fmt.Errorf("refresh %s: %w", pin.Address, err)
		}
	}
	result.Trace = q.trace
	now, err := d.store.Pin(ctx, pin.Address)
	if err != nil {
		return result, fmt.Errorf("refresh %s: %w", pin.Address, err)
	}
	after, err := d.store.Certificate(ctx, now.Fingerprint)
	if err != nil {
		return result, fmt.Errorf("refresh %s: %w", pin.Address, err)
	}
	result.Fingerprint = now.Fingerprint
	result.Changed = now.Fingerprint != pin.Fingerprint || string(before.Blob) != string(after.Blob)
	return result, nil
}

// askAgain asks a source for the one form of the inquiry, whatever it said before.
func (q *inquiry) askAgain(ctx context.Context, source *remote) {
	answer := source.ask(ctx, q.forms[0], true)
	q.take(source, 0, answer)
}

// askByFingerprint joins what a source has of a certificate to what is known of it.
func (q *inquiry) askByFingerprint(ctx context.Context, source FingerprintSource, addr mail.Addr, fingerprint string) {
	step := Step{Source: source.Name(), Address: addr.String()}
	d := q.directory
	ctx, cancel := context.WithTimeout(ctx, d.options.Timeout)
	defer cancel()
	started := d.now()
	ring, err := lookupFingerprint(ctx, source, fingerprint)
	switch {
	case errors.Is(err, ErrNotFound):
		step.Status, step.Detail = None, "it does not have "+fingerprint
	case err != nil:
		step.Detail = err.Error()
	default:
		step.Status, step.Detail = Found, fingerprint+", nothing new"
	}
	d.observer.Asked(source.Name(), step.Status, d.now().Sub(started))
	if step.Status == Found {
		event, err := d.joinRing(context.WithoutCancel(ctx), fingerprint, ring)
		switch {
		case err != nil:
			step.Status, step.Detail = Unknown, err.Error()
		case event != nil:
			event.Address, event.Source = addr.Key(), source.Name()
			step.Detail = fmt.Sprintf("%s: %s", fingerprint, event.Why)
			d.observer.Happened(*event)
		}
	}
	if step.Status == Found {
		if err := d.renew(context.WithoutCancel(ctx), source.Name(), addr, fingerprint); err != nil {
			step.Detail += "; " + err.Error()
		}
	}
	q.trace = append(q.trace, step)
}

// renew lets what a source said of an address count anew if it has just given the certificate by its fingerprint: the
// next message to the address need not make the source learn of it.
func (d *Directory) renew(ctx context.Context, source string, addr mail.Addr, fingerprint string) error {
	row, err := d.store.Lookup(ctx, addr.Key(), source)
	if errors.Is(err, store.ErrNotFound) || err == nil && outcome(row.Outcome) != found {
		return nil
	}
	if err != nil {
		return err
	}
	return d.store.UpdateKeys(ctx, func(tx *store.KeyTx) error {
		given, err := tx.CertificatesFor(ctx, addr.Key(), source)
		if err != nil || len(given) != 1 || given[0].Fingerprint != fingerprint {
			return err
		}
		row.Asked = d.now()
		row.Expires = row.Asked.Add(d.options.Fresh)
		return tx.PutLookup(ctx, row)
	})
}

// lookupFingerprint holds a source to its contract.
func lookupFingerprint(ctx context.Context, source FingerprintSource, fingerprint string) (ring []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			ring, err = nil, fmt.Errorf("the source failed: %v", p)
		}
	}()
	return source.LookupFingerprint(ctx, fingerprint)
}

// joinRing joins a keyring to the certificate with a fingerprint, which the store has.
func (d *Directory) joinRing(ctx context.Context, fingerprint string, ring []byte) (event *Event, err error) {
	err = d.store.UpdateKeys(ctx, func(tx *store.KeyTx) error {
		_, event, err = join(ctx, tx, fingerprint, ring, nil, d.now())
		return err
	})
	return event, err
}

// Summary says in one line what the sources said.
func (r Refreshed) Summary() string {
	var said []string
	for _, s := range r.Trace {
		said = append(said, s.Source+": "+s.Detail)
	}
	if len(said) == 0 {
		return "no remote source can be asked about it"
	}
	return strings.Join(said, "; ")
}
