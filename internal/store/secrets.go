package store

import (
	"context"
	"database/sql"
	"time"
)

// Secret is a sender's secret key in the database, locked with a passphrase.
type Secret struct {
	Fingerprint string // upper-case hexadecimal
	Blob        []byte
	// Revision is another one after every change of the key.
	Revision int64
	Changed  time.Time // whole seconds
}

// Secret returns the secret key with a fingerprint, or [ErrNotFound].
func (s *Store) Secret(ctx context.Context, fingerprint string) (Secret, error) {
	return first(collect(ctx, s.read, func(rows *sql.Rows, v *Secret) error {
		var changed int64
		err := rows.Scan(&v.Fingerprint, &v.Blob, &v.Revision, &changed)
		v.Changed = time.Unix(changed, 0).UTC()
		return err
	}, `SELECT fingerprint, blob, revision, changed FROM sender_secret WHERE fingerprint = $1`, fingerprint))
}

// SecretFingerprints returns the fingerprints of all secret keys, in order.
func (s *Store) SecretFingerprints(ctx context.Context) ([]string, error) {
	return collect(ctx, s.read, func(rows *sql.Rows, fingerprint *string) error {
		return rows.Scan(fingerprint)
	}, `SELECT fingerprint FROM sender_secret ORDER BY fingerprint`)
}

// KeptSecrets returns the fingerprints of all keys of which the secret key or the revocation certificate is in the
// database, and of all that sign for somebody, in order.
func (s *Store) KeptSecrets(ctx context.Context) ([]string, error) {
	return scanAll(ctx, s.read, func(rows *sql.Rows, fingerprint *string) error {
		return rows.Scan(fingerprint)
	}, `SELECT fingerprint FROM sender_secret UNION SELECT fingerprint FROM sender_revocation UNION SELECT fingerprint FROM sender_key ORDER BY 1`)
}

// SecretRevision returns the revision of the secret key with a fingerprint without reading the key, or [ErrNotFound].
func (s *Store) SecretRevision(ctx context.Context, fingerprint string) (int64, error) {
	return secretRevision(ctx, s.read, fingerprint)
}

// SecretRevision does the same in the transaction.
func (t *KeyTx) SecretRevision(ctx context.Context, fingerprint string) (int64, error) {
	return secretRevision(ctx, t.tx, fingerprint)
}

func secretRevision(ctx context.Context, q querier, fingerprint string) (int64, error) {
	return first(collect(ctx, q, func(rows *sql.Rows, revision *int64) error {
		return rows.Scan(revision)
	}, `SELECT revision FROM sender_secret WHERE fingerprint = $1`, fingerprint))
}

// PutSecret adds a secret key or replaces its blob. The caller has locked it.
func (t *KeyTx) PutSecret(ctx context.Context, fingerprint string, blob []byte, at time.Time) error {
	// The generation grows when this transaction ends, so that no two changes of a key see the same.
	t.changed = true
	_, err := t.tx.ExecContext(ctx, `
		INSERT INTO sender_secret (fingerprint, blob, revision, changed)
		VALUES ($1, $2, (SELECT generation FROM key_generation) + 1, $3)
		ON CONFLICT (fingerprint) DO UPDATE
		SET blob = excluded.blob, revision = excluded.revision, changed = excluded.changed`,
		fingerprint, blob, at.Unix())
	return err
}

// RemoveSecret deletes a secret key and reports whether there was one.
func (t *KeyTx) RemoveSecret(ctx context.Context, fingerprint string) (bool, error) {
	return t.affects(ctx, `DELETE FROM sender_secret WHERE fingerprint = $1`, fingerprint)
}

// SecretRevocation returns the text of the revocation certificate of a secret key, or [ErrNotFound].
func (s *Store) SecretRevocation(ctx context.Context, fingerprint string) (string, error) {
	return first(collect(ctx, s.read, func(rows *sql.Rows, text *string) error {
		return rows.Scan(text)
	}, `SELECT text FROM sender_revocation WHERE fingerprint = $1`, fingerprint))
}

// SecretRevocations returns the fingerprints of all keys whose revocation certificate is in the database, in order.
func (s *Store) SecretRevocations(ctx context.Context) ([]string, error) {
	return scanAll(ctx, s.read, func(rows *sql.Rows, fingerprint *string) error {
		return rows.Scan(fingerprint)
	}, `SELECT fingerprint FROM sender_revocation ORDER BY fingerprint`)
}

// PutSecretRevocation adds the revocation certificate of a secret key. The first one stays: all of them do the same.
func (t *KeyTx) PutSecretRevocation(ctx context.Context, fingerprint, text string) error {
	_, err := t.tx.ExecContext(ctx, `INSERT INTO sender_revocation (fingerprint, text) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
		fingerprint, text)
	return err
}
