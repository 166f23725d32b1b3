package keys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
	"sealmilter/internal/shell"
	"sealmilter/internal/store"
)

// ImportOptions say how to import keys.
type ImportOptions struct {
	// For are addresses that every key of the import shall serve, too, whatever its User IDs say.
	For []mail.Addr
	// Passphrase unlocks secret keys that are locked; nil if there is none.
	Passphrase []byte
}

// importBatch is how many certificates share a transaction: waiting for the disk takes longer than all of them.
const importBatch = 128

// Import reads certificates, armored or binary and any number of them, and calls report for each key of the input,
// in its order, when it is stored safely. A key that cannot be taken is reported as refused and does not stop the
// import. Secret keys are refused: [Senders.Import] takes them.
//
// A certificate that is already known keeps a revocation that the imported copy lacks. Certificates that cannot be
// used now, such as expired ones, are taken with a note.
func (l *Local) Import(ctx context.Context, r io.Reader, opts ImportOptions, report func(Imported)) error {
	refuse := func(_ context.Context, key *crypto.SecretKey) (Imported, error) {
		result := about(key.Cert())
		result.Secret = true
		result.refuse(errors.New("it is a secret key, where only certificates are taken"))
		return result, nil
	}
	return l.importRing(ctx, r, opts, refuse, report)
}

// importRing imports what is public and hands secret keys to secret. An error ends the import; what was reported
// stays.
func (l *Local) importRing(ctx context.Context, r io.Reader, opts ImportOptions,
	secret func(context.Context, *crypto.SecretKey) (Imported, error), report func(Imported)) error {
	b := batch{local: l, opts: opts, report: report}
	for key, err := range crypto.Keys(r) {
		var skipped *crypto.Skipped
		switch {
		case errors.As(err, &skipped):
			b.add(nil, Imported{Fingerprint: skipped.Fingerprint, Err: skipped})
		case err != nil:
			return errors.Join(fmt.Errorf("import keys: %w", err), b.flush(ctx))
		case key.Secret != nil:
			if err := b.flush(ctx); err != nil {
				return err
			}
			result, err := secret(ctx, key.Secret)
			if err != nil {
				return err
			}
			report(result)
		case key.Revocation != nil:
			if err := b.flush(ctx); err != nil {
				return err
			}
			result, err := l.revoke(ctx, key.Revocation)
			if err != nil {
				return err
			}
			report(result)
		default:
			b.add(key.Cert, about(key.Cert))
		}
		if len(b.keys) < importBatch {
			continue
		}
		if err := b.flush(ctx); err != nil {
			return err
		}
	}
	return b.flush(ctx)
}

// revoke joins a revocation certificate to the certificate that it is for.
func (l *Local) revoke(ctx context.Context, r *crypto.Revocation) (Imported, error) {
	result := Imported{Fingerprint: r.IssuerFingerprint}
	if r.IssuerFingerprint == "" {
		result.refuse(fmt.Errorf("the revocation certificate names its key only as %016X; import the revoked certificate instead", r.IssuerKeyID))
		return result, nil
	}
	err := l.store.UpdateKeys(ctx, func(tx *store.KeyTx) error {
		_, err := tx.Certificate(ctx, r.IssuerFingerprint)
		if errors.Is(err, store.ErrNotFound) {
			result.refuse(errors.New("it is a revocation certificate, and its certificate is not known: import that first"))
			return nil
		}
		if err != nil {
			return err
		}
		cert, event, err := l.join(ctx, tx, r.IssuerFingerprint, r.Bytes(), nil, &result)
		if err != nil || cert == nil {
			return err
		}
		result.UserIDs, result.Outcome = cert.UserIDs(), Unchanged
		if event != nil {
			result.Outcome = Updated
			result.note("%s", event.Why)
		}
		return nil
	})
	if err != nil {
		return Imported{}, fmt.Errorf("import a revocation: %w", err)
	}
	return result, nil
}

// batch collects keys of one import until they are stored together.
type batch struct {
	local  *Local
	opts   ImportOptions
	report func(Imported)
	keys   []batched
}

type batched struct {
	cert   *crypto.Cert // nil if the key is refused already
	result Imported
}

func (b *batch) add(cert *crypto.Cert, result Imported) {
	b.keys = append(b.keys, batched{cert, result})
}

// flush stores the batch and reports it.
func (b *batch) flush(ctx context.Context) error {
	if len(b.keys) == 0 {
		return nil
	}
	err := b.local.store.UpdateKeys(ctx, func(tx *store.KeyTx) error {
		for i := range b.keys {
			k := &b.keys[i]
			if k.cert == nil {
				continue
			}
			if err := b.local.put(ctx, tx, k.cert, b.opts.For, &k.result); err != nil {
				return err
			}
			if err := b.local.noteRivals(ctx, tx, k.cert, append(k.cert.Addrs(), b.opts.For...), &k.result); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("import keys: %w", err)
	}
	for _, k := range b.keys {
		b.report(k.result)
	}
	b.keys = b.keys[:0]
	return nil
}

// put stores one certificate and writes into result what that meant.
func (l *Local) put(ctx context.Context, tx *store.KeyTx, cert *crypto.Cert, assign []mail.Addr, result *Imported) error {
	now := l.now()
	fingerprint := cert.Fingerprint()
	named := cert.Addrs()
	switch _, err := tx.Certificate(ctx, fingerprint); {
	case errors.Is(err, store.ErrNotFound):
		if len(named)+len(assign) == 0 {
			result.refuse(errors.New("none of its valid User IDs is a mail address: say for which address it is"))
			return nil
		}
		result.Outcome = Added
	case err != nil:
		return err
	default:
		result.Outcome = Unchanged
	}
	revoked := revocation(cert, now) != nil
	cert, event, err := l.join(ctx, tx, fingerprint, cert.Bytes(), cert, result)
	if err != nil || cert == nil {
		return err
	}
	if event != nil {
		result.Outcome = Updated
	}
	if !revoked && revocation(cert, now) != nil {
		result.note("the stored certificate is revoked and stays so; this copy does not know of it")
	}
	served, err := l.serve(ctx, tx, cert, named, assign)
	if err != nil {
		return err
	}
	if served && result.Outcome == Unchanged {
		result.Outcome = Updated
	}
	if err := cert.Check(now); err != nil {
		result.note("nothing can be encrypted to it now: %v", err)
	}
	for _, warning := range cert.Warnings() {
		result.note("%s", warning)
	}
	return markAllSeen(ctx, tx, append(named, assign...), now)
}

// join adds a copy of a certificate, or a revocation of it, to what the store has. What cannot be joined is refused in
// the result, and the certificate is nil then.
func (l *Local) join(ctx context.Context, tx *store.KeyTx, fingerprint string, update []byte, parsed *crypto.Cert, result *Imported) (*crypto.Cert, *Event, error) {
	cert, event, err := join(ctx, tx, fingerprint, update, parsed, l.now())
	var unfit *certificateError
	if errors.As(err, &unfit) {
		result.refuse(unfit.error)
		return nil, nil, nil
	}
	return cert, event, err
}

// serve records which addresses a certificate serves from now on, and reports whether that changed anything. Those that
// it names count as far as the imported copy names them: what else it says of itself elsewhere is not the
// administrator's word.
func (l *Local) serve(ctx context.Context, tx *store.KeyTx, cert *crypto.Cert, named, assign []mail.Addr) (changed bool, err error) {
	before, err := tx.Services(ctx, cert.Fingerprint())
	if err != nil {
		return false, err
	}
	carried := addressKeys(cert.Addrs())
	for _, service := range before {
		if service.Source != localName || service.Assigned || slices.Contains(carried, service.Address) {
			continue
		}
		ended, err := tx.EndService(ctx, cert.Fingerprint(), localName, service.Address)
		if err != nil {
			return false, err
		}
		changed = changed || ended
	}
	for _, address := range addressKeys(named) {
		if !slices.Contains(carried, address) {
			continue
		}
		added, err := tx.AddService(ctx, cert.Fingerprint(), localName, uint8(KnownKey), address)
		if err != nil {
			return false, err
		}
		changed = changed || added
	}
	for _, addr := range assign {
		added, err := tx.Assign(ctx, cert.Fingerprint(), localName, addr.Key())
		if err != nil {
			return false, err
		}
		changed = changed || added
	}
	return changed, nil
}

// noteRivals records a conflict for every address whose pinned certificate stays in use in the place of this one, as it
// is in the store.
func (l *Local) noteRivals(ctx context.Context, tx *store.KeyTx, cert *crypto.Cert, addrs []mail.Addr, result *Imported) error {
	if result.Outcome == Refused {
		return nil
	}
	now := l.now()
	var fresh *candidate
	for _, addr := range addrs {
		row, err := tx.Pin(ctx, addr.Key())
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		var old *pinned
		if err == nil {
			old, err = pinnedBy(ctx, tx, l.certs, row)
		}
		if err != nil {
			return err
		}
		if old == nil {
			continue
		}
		if fresh == nil {
			row, err := tx.Certificate(ctx, cert.Fingerprint())
			if err != nil {
				return err
			}
			stored, err := l.certs.parse(row)
			if err != nil {
				return err
			}
			fresh = &candidate{cert: stored, given: cert, level: KnownKey, source: localName}
		}
		verdict, why := rival(old.candidate, *fresh, addr, now).judge()
		if verdict != conflicting || fresh.cert.Check(now) != nil {
			continue
		}
		_, err = tx.AddConflict(ctx, store.Conflict{Address: addr.Key(), Fingerprint: cert.Fingerprint(), Source: localName,
			Level: uint8(KnownKey), Why: why, Since: now})
		if err != nil {
			return err
		}
		result.note("%s stays in use for %s: %s; to change that: sealmilter keys pin %s",
			row.Fingerprint, addr, why, shell.Arguments(addr.String(), cert.Fingerprint()))
	}
	return nil
}

func markAllSeen(ctx context.Context, tx *store.KeyTx, addrs []mail.Addr, now time.Time) error {
	for _, addr := range addrs {
		if err := tx.MarkSeen(ctx, addr.Key(), now); err != nil {
			return err
		}
	}
	return nil
}

func addressKeys(addrs []mail.Addr) []string {
	keys := make([]string, len(addrs))
	for i, addr := range addrs {
		keys[i] = addr.Key()
	}
	return keys
}
