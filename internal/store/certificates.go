package store

import (
	"context"
	"database/sql"
	"iter"
	"time"
)

// Certificate is a stored certificate. Times have whole seconds.
type Certificate struct {
	Fingerprint string // upper-case hexadecimal
	Blob        []byte
	Added       time.Time
	Updated     time.Time
}

// Serving is a certificate as it was found for an address.
type Serving struct {
	Certificate
	// Assigned marks the word of an administrator; otherwise the certificate itself names the address.
	Assigned bool
}

// Service says that a certificate serves an address.
type Service struct {
	Address  string
	Source   string // who gave the certificate
	Assigned bool
	// Level is how far the source was believed.
	Level uint8
}

// CertificatesFor returns the certificates that a source gave for an address, ordered by fingerprint.
func (s *Store) CertificatesFor(ctx context.Context, address, source string) ([]Serving, error) {
	return certificatesFor(ctx, s.point, address, source)
}

// CertificatesFor returns the certificates that a source gave for an address, ordered by fingerprint.
func (t *KeyTx) CertificatesFor(ctx context.Context, address, source string) ([]Serving, error) {
	return certificatesFor(ctx, t.tx, address, source)
}

func certificatesFor(ctx context.Context, q querier, address, source string) ([]Serving, error) {
	return collect(ctx, q, func(rows *sql.Rows, c *Serving) error {
		return scanCertificate(rows, &c.Certificate, &c.Assigned)
	}, `SELECT c.fingerprint, c.blob, c.added, c.updated, a.assigned
		FROM certificate_address a JOIN certificate c ON c.fingerprint = a.fingerprint
		WHERE a.address = $1 AND a.source = $2 ORDER BY a.fingerprint`, address, source)
}

// CertificatesOf returns the certificates that any source gave for an address, or that are pinned to it, ordered by
// fingerprint.
func (s *Store) CertificatesOf(ctx context.Context, address string) ([]Certificate, error) {
	return collect(ctx, s.read, func(rows *sql.Rows, c *Certificate) error { return scanCertificate(rows, c) },
		`SELECT fingerprint, blob, added, updated FROM certificate WHERE fingerprint IN (
			SELECT fingerprint FROM certificate_address WHERE address = $1
			UNION SELECT fingerprint FROM pin WHERE address = $1) ORDER BY fingerprint`, address)
}

// Certificate returns the certificate with a fingerprint, or [ErrNotFound].
func (s *Store) Certificate(ctx context.Context, fingerprint string) (Certificate, error) {
	return certificate(ctx, s.point, fingerprint)
}

// Certificates goes through all certificates by fingerprint. It reads page by page and keeps no lock while the
// caller looks at one; an error ends it.
func (s *Store) Certificates(ctx context.Context) iter.Seq2[Certificate, error] {
	return pages(func(last string, limit int) ([]Certificate, error) {
		return collect(ctx, s.read, func(rows *sql.Rows, c *Certificate) error {
			return scanCertificate(rows, c)
		}, `SELECT fingerprint, blob, added, updated FROM certificate
			WHERE fingerprint > $1 ORDER BY fingerprint LIMIT $2`, last, limit)
	}, func(c Certificate) string { return c.Fingerprint })
}

// Services returns which addresses a certificate serves, ordered by address.
func (s *Store) Services(ctx context.Context, fingerprint string) ([]Service, error) {
	return services(ctx, s.point, fingerprint)
}

// Services returns which addresses a certificate serves, ordered by address.
func (t *KeyTx) Services(ctx context.Context, fingerprint string) ([]Service, error) {
	return services(ctx, t.tx, fingerprint)
}

// Assigned reports whether a certificate serves an address on an administrator's word.
func (s *Store) Assigned(ctx context.Context, fingerprint, address string) (bool, error) {
	return assigned(ctx, s.point, fingerprint, address)
}

// Assigned reports whether a certificate serves an address on an administrator's word.
func (t *KeyTx) Assigned(ctx context.Context, fingerprint, address string) (bool, error) {
	return assigned(ctx, t.tx, fingerprint, address)
}

func assigned(ctx context.Context, q querier, fingerprint, address string) (bool, error) {
	return first(collect(ctx, q, func(rows *sql.Rows, yes *bool) error {
		return rows.Scan(yes)
	}, `SELECT EXISTS (SELECT 1 FROM certificate_address WHERE address = $1 AND fingerprint = $2 AND assigned)`, address, fingerprint))
}

func services(ctx context.Context, q querier, fingerprint string) ([]Service, error) {
	return collect(ctx, q, func(rows *sql.Rows, v *Service) error {
		return rows.Scan(&v.Address, &v.Source, &v.Assigned, &v.Level)
	}, `SELECT address, source, assigned, level FROM certificate_address
		WHERE fingerprint = $1 ORDER BY address, source`, fingerprint)
}

// Certificate returns the certificate with a fingerprint, or [ErrNotFound].
func (t *KeyTx) Certificate(ctx context.Context, fingerprint string) (Certificate, error) {
	return certificate(ctx, t.tx, fingerprint)
}

// PutCertificate adds a certificate or replaces its blob. Which addresses it serves is left as it is.
func (t *KeyTx) PutCertificate(ctx context.Context, fingerprint string, blob []byte, at time.Time) error {
	t.changed = true
	_, err := t.tx.ExecContext(ctx, `
		INSERT INTO certificate (fingerprint, blob, added, updated) VALUES ($1, $2, $3, $3)
		ON CONFLICT (fingerprint) DO UPDATE SET blob = excluded.blob, updated = excluded.updated`,
		fingerprint, blob, at.Unix())
	return err
}

// AddService records that a source gave a certificate for an address that it names itself, and reports whether that
// is new.
func (t *KeyTx) AddService(ctx context.Context, fingerprint, source string, level uint8, address string) (bool, error) {
	return t.affects(ctx, `
		INSERT INTO certificate_address (address, fingerprint, source, assigned, level) VALUES ($1, $2, $3, FALSE, $4)
		ON CONFLICT (address, source, fingerprint) DO UPDATE SET level = excluded.level
		WHERE certificate_address.level <> excluded.level`, address, fingerprint, source, level)
}

// EndService records that a source no longer gives a certificate for an address, and reports whether it did.
func (t *KeyTx) EndService(ctx context.Context, fingerprint, source, address string) (bool, error) {
	return t.affects(ctx, `DELETE FROM certificate_address WHERE address = $1 AND source = $2 AND fingerprint = $3`,
		address, source, fingerprint)
}

// Assign makes a certificate serve an address on an administrator's word, and reports whether that is new.
func (t *KeyTx) Assign(ctx context.Context, fingerprint, source, address string) (bool, error) {
	return t.affects(ctx, `
		INSERT INTO certificate_address (address, fingerprint, source, assigned) VALUES ($1, $2, $3, TRUE)
		ON CONFLICT (address, source, fingerprint) DO UPDATE SET assigned = TRUE
		WHERE NOT certificate_address.assigned`, address, fingerprint, source)
}

// RemoveCertificate deletes a certificate, its services, the pins to it and its conflicts, and reports whether there
// was one.
func (t *KeyTx) RemoveCertificate(ctx context.Context, fingerprint string) (bool, error) {
	for _, statement := range []string{
		`DELETE FROM pin WHERE fingerprint = $1`,
		`DELETE FROM conflict WHERE fingerprint = $1`,
	} {
		if _, err := t.affects(ctx, statement, fingerprint); err != nil {
			return false, err
		}
	}
	return t.affects(ctx, `DELETE FROM certificate WHERE fingerprint = $1`, fingerprint)
}

// RemoveAddress ends everything that any source gave for an address, its pin and its conflicts, deletes the
// certificates among them that now serve none, and reports whether there was a service or a pin.
func (t *KeyTx) RemoveAddress(ctx context.Context, address string) (bool, error) {
	fingerprints, err := collect(ctx, t.tx, func(rows *sql.Rows, fingerprint *string) error {
		return rows.Scan(fingerprint)
	}, `SELECT fingerprint FROM certificate_address WHERE address = $1
		UNION SELECT fingerprint FROM pin WHERE address = $1`, address)
	if err != nil {
		return false, err
	}
	for _, table := range []string{"certificate_address", "pin", "conflict", "lookup"} {
		if _, err := t.affects(ctx, `DELETE FROM `+table+` WHERE address = $1`, address); err != nil {
			return false, err
		}
	}
	for _, fingerprint := range fingerprints {
		_, err := t.affects(ctx, `DELETE FROM certificate WHERE fingerprint = $1
			AND NOT EXISTS (SELECT 1 FROM certificate_address WHERE fingerprint = $1)
			AND NOT EXISTS (SELECT 1 FROM pin WHERE fingerprint = $1)`, fingerprint)
		if err != nil {
			return false, err
		}
	}
	return len(fingerprints) > 0, nil
}

// affects runs a statement and reports whether it changed any row, which raises the generation.
func (t *KeyTx) affects(ctx context.Context, statement string, args ...any) (bool, error) {
	result, err := t.tx.ExecContext(ctx, statement, args...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	t.changed = t.changed || n > 0
	return n > 0, err
}

func certificate(ctx context.Context, q querier, fingerprint string) (Certificate, error) {
	return first(collect(ctx, q, func(rows *sql.Rows, c *Certificate) error {
		return scanCertificate(rows, c)
	}, `SELECT fingerprint, blob, added, updated FROM certificate WHERE fingerprint = $1`, fingerprint))
}

// scanCertificate scans the columns of a certificate and then those of more.
func scanCertificate(rows *sql.Rows, c *Certificate, more ...any) error {
	var added, updated int64
	if err := rows.Scan(append([]any{&c.Fingerprint, &c.Blob, &added, &updated}, more...)...); err != nil {
		return err
	}
	c.Added, c.Updated = time.Unix(added, 0).UTC(), time.Unix(updated, 0).UTC()
	return nil
}
