package keys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
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
			refused := Imported{Fingerprint: key.Revocation.IssuerFingerprint}
			refused.refuse(errors.New("it is a revocation certificate, of which the import is not possible"))
			b.add(nil, refused)
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
	known, err := tx.Certificate(ctx, fingerprint)
	switch {
	case errors.Is(err, store.ErrNotFound):
		if len(cert.Addrs())+len(assign) == 0 {
			result.refuse(errors.New("none of its valid User IDs is a mail address: say for which address it is"))
			return nil
		}
		result.Outcome = Added
	case err != nil:
		return err
	default:
		stored, err := parseStored(known)
		if err != nil {
			result.refuse(err)
			return nil
		}
		var note string
		if cert, note = merge(stored, cert, now); note != "" {
			result.note("%s", note)
		}
		result.Outcome = Updated
		if string(cert.Bytes()) == string(known.Blob) {
			result.Outcome = Unchanged
		}
	}
	if result.Outcome != Unchanged {
		err := errors.Join(
			tx.PutCertificate(ctx, fingerprint, cert.Bytes(), now),
			tx.SetServices(ctx, fingerprint, localName, uint8(KnownKey), addressKeys(cert.Addrs())),
			markAllSeen(ctx, tx, cert.Addrs(), now))
		if err != nil {
			return err
		}
	}
	for _, addr := range assign {
		added, err := tx.Assign(ctx, fingerprint, localName, addr.Key())
		if err != nil {
			return err
		}
		if added && result.Outcome == Unchanged {
			result.Outcome = Updated
		}
	}
	if err := cert.Check(now); err != nil {
		result.note("nothing can be encrypted to it now: %v", err)
	}
	for _, warning := range cert.Warnings() {
		result.note("%s", warning)
	}
	return markAllSeen(ctx, tx, assign, now)
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
