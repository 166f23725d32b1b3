package keys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
	"sealmilter/internal/store"
)

// record writes down what the source said, and returns the reply as it counts from now on: with certificates as they
// are in the store. A source that does not answer leaves in force what it said before, as long as that is of use: it may
// have the next certificate by the time when the last one has ended.
func (r *remote) record(ctx context.Context, addr mail.Addr, answer reply, heard announcement) (reply, error) {
	now := r.directory.now()
	last, err := r.directory.store.Lookup(ctx, addr.Key(), r.Name())
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return reply{}, err
	}
	before, err := r.kept(ctx, addr, last)
	if err != nil {
		before = reply{} // what cannot be read is nothing to fall back on
	}
	stale := false
	var events []Event
	err = r.directory.store.UpdateKeys(ctx, func(tx *store.KeyTx) (err error) {
		// Another lookup may have learnt something of the domain meanwhile.
		if answer, err = r.putService(ctx, tx, addr, answer, heard); err != nil {
			return err
		}
		if answer.outcome == found {
			if answer.certs, events, err = r.keep(ctx, tx, addr, answer.certs); err != nil {
				return err
			}
			if len(answer.certs) == 0 {
				answer.outcome, answer.detail = noKey, "the owner of the certificate has withdrawn the User ID with the address"
			}
		}
		answer.expires = now.Add(r.lifetime(answer))
		row := store.Lookup{Address: addr.Key(), Source: r.Name(), Outcome: uint8(answer.outcome), Detail: answer.detail,
			Asked: answer.asked, Expires: answer.expires}
		if stale = answer.outcome == unanswered && anyUsable(before.certs, now); stale {
			row.Outcome, row.Detail = last.Outcome, "what it gave before still counts, for now it did not answer: "+answer.detail
		}
		if r.directory.options.Peek && r.rivals(ctx, tx, addr, answer) {
			// Who decides about them must see what others have certified of them, which the store does not keep.
			row.Expires = answer.asked
		}
		before.detail, before.asked, before.expires = row.Detail, row.Asked, row.Expires
		return tx.PutLookup(ctx, row)
	})
	if err != nil {
		return reply{}, err
	}
	if before.outcome == found && (answer.outcome == noKey || answer.outcome == noService) {
		events = append(events, Event{Kind: Withdrawn, Address: addr.Key(), Source: r.Name(), Why: answer.detail})
	}
	for _, e := range events {
		r.directory.observer.Happened(e)
	}
	if stale {
		return before, nil
	}
	return answer, nil
}

// rivals reports whether an answer has a certificate beside the pinned one of the address.
func (r *remote) rivals(ctx context.Context, tx *store.KeyTx, addr mail.Addr, answer reply) bool {
	pin, err := tx.Pin(ctx, addr.Key())
	return err == nil && slices.ContainsFunc(answer.certs, func(c *crypto.Cert) bool { return c.Fingerprint() != pin.Fingerprint })
}

// keep stores the certificates of an answer and returns them joined with what was known of them, without those whose
// owner is known to have revoked the User ID for the address. Those that the source gave for the address before and gives
// no more are no longer its.
func (r *remote) keep(ctx context.Context, tx *store.KeyTx, addr mail.Addr, certs []*crypto.Cert) ([]*crypto.Cert, []Event, error) {
	var events []Event
	var joined []*crypto.Cert
	var given []string
	for _, cert := range certs {
		cert, event, err := join(ctx, tx, cert.Fingerprint(), cert.Bytes(), cert, r.directory.now())
		if err != nil {
			return nil, nil, err
		}
		if event != nil {
			event.Address, event.Source = addr.Key(), r.Name()
			events = append(events, *event)
		}
		if !carries(cert, addr.Key()) {
			continue
		}
		if _, err := tx.AddService(ctx, cert.Fingerprint(), r.Name(), uint8(sourceLevel(r.Name())), addr.Key()); err != nil {
			return nil, nil, err
		}
		joined, given = append(joined, cert), append(given, cert.Fingerprint())
	}
	before, err := tx.CertificatesFor(ctx, addr.Key(), r.Name())
	if err != nil {
		return nil, nil, err
	}
	for _, row := range before {
		if slices.Contains(given, row.Fingerprint) {
			continue
		}
		if _, err := tx.EndService(ctx, row.Fingerprint, r.Name(), addr.Key()); err != nil {
			return nil, nil, err
		}
	}
	return joined, events, nil
}

// join adds a copy of a certificate to what the store has of it. A revocation that was known stays, and one that the
// copy brings is kept, whoever sent it. Parsed is the copy as a certificate, nil if nobody has parsed it yet. The
// event, without its address and source, says what is new about a certificate that was known; nil for nothing.
func join(ctx context.Context, tx *store.KeyTx, fingerprint string, update []byte, parsed *crypto.Cert, now time.Time) (*crypto.Cert, *Event, error) {
	row, err := tx.Certificate(ctx, fingerprint)
	if errors.Is(err, store.ErrNotFound) {
		if parsed == nil {
			if parsed, err = crypto.ParseCert(update); err != nil {
				return nil, nil, &certificateError{err}
			}
		}
		return parsed, nil, tx.PutCertificate(ctx, fingerprint, parsed.Bytes(), now)
	}
	if err != nil {
		return nil, nil, err
	}
	known, err := parseStored(row)
	if err != nil {
		return nil, nil, &certificateError{err}
	}
	cert, err := known.Merge(update)
	if err != nil {
		return nil, nil, &certificateError{fmt.Errorf("certificate %s: %w", fingerprint, err)}
	}
	if string(cert.Bytes()) == string(row.Blob) {
		return known, nil, nil
	}
	event := &Event{Kind: Changed, Fingerprint: fingerprint, Why: changes(known, cert, now)}
	if revocation(known, now) == nil && revocation(cert, now) != nil {
		event.Kind = Revoked
	}
	return cert, event, tx.PutCertificate(ctx, fingerprint, cert.Bytes(), now)
}

// certificateError is an error of join that is about the certificate, not about the store.
type certificateError struct{ error }

func (e *certificateError) Unwrap() error { return e.error }

// changes says in words what the newer copy of a certificate changes for those who encrypt to it.
func changes(before, after *crypto.Cert, now time.Time) string {
	switch was, is := before.Check(now), after.Check(now); {
	case was == nil && is != nil:
		return is.Error()
	case was != nil && is == nil:
		return "it can be used again"
	}
	until := func(c *crypto.Cert) string {
		if t, expires := c.Expires(now); expires {
			return "until " + t.Format(time.DateOnly)
		}
		return "without end"
	}
	if a, b := until(before), until(after); a != b {
		return "it is now valid " + b
	}
	return "it has new parts"
}

// revocation returns why the certificate is revoked, or is left without an encryption subkey by a revocation; nil if
// neither is so.
func revocation(cert *crypto.Cert, now time.Time) error {
	var unusable *crypto.Unusable
	if errors.As(cert.Check(now), &unusable) && unusable.Reason == crypto.Revoked {
		return unusable
	}
	return nil
}
