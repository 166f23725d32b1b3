package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Lookup is what a remote source said of an address. Times have whole seconds.
type Lookup struct {
	Address, Source string
	Outcome         uint8
	Detail          string // for people
	Asked           time.Time
	// Expires is when the source may be asked again.
	Expires time.Time
}

// KeyService is what is known of a domain as a key service. Times have whole seconds; the zero time means never.
type KeyService struct {
	Domain, Source string
	// Served is when it first served or announced a key.
	Served time.Time
	// Silent is since when every question to it has failed.
	Silent time.Time
	// Asked is when it was last asked for a key, and Inquired when it was last asked whether it announces keys.
	Asked, Inquired time.Time
}

// Lookup returns what a source said of an address, or [ErrNotFound].
func (s *Store) Lookup(ctx context.Context, address, source string) (Lookup, error) {
	return first(collect(ctx, s.point, func(rows *sql.Rows, l *Lookup) error {
		var asked, expires int64
		err := rows.Scan(&l.Outcome, &l.Detail, &asked, &expires)
		l.Address, l.Source, l.Asked, l.Expires = address, source, fromUnix(asked), fromUnix(expires)
		return err
	}, `SELECT outcome, detail, asked, expires FROM lookup WHERE address = $1 AND source = $2`, address, source))
}

// PutLookup records what a source said of an address.
func (t *KeyTx) PutLookup(ctx context.Context, l Lookup) error {
	_, err := t.tx.ExecContext(ctx, `
		INSERT INTO lookup (address, source, outcome, detail, asked, expires) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (address, source) DO UPDATE SET outcome = excluded.outcome, detail = excluded.detail,
			asked = excluded.asked, expires = excluded.expires`,
		l.Address, l.Source, l.Outcome, l.Detail, toUnix(l.Asked), toUnix(l.Expires))
	return err
}

// ForgetLookups deletes what sources said before a time.
func (t *KeyTx) ForgetLookups(ctx context.Context, before time.Time) error {
	_, err := t.tx.ExecContext(ctx, `DELETE FROM lookup WHERE asked < $1`, toUnix(before))
	return err
}

// KeyService returns what is known of a domain, the zero KeyService with its name if it was never asked.
func (s *Store) KeyService(ctx context.Context, domain, source string) (KeyService, error) {
	return keyService(ctx, s.point, domain, source)
}

// KeyService returns what is known of a domain, the zero KeyService with its name if it was never asked.
func (t *KeyTx) KeyService(ctx context.Context, domain, source string) (KeyService, error) {
	return keyService(ctx, t.tx, domain, source)
}

func keyService(ctx context.Context, q querier, domain, source string) (KeyService, error) {
	service, err := first(collect(ctx, q, func(rows *sql.Rows, k *KeyService) error {
		var served, silent, asked, inquired int64
		err := rows.Scan(&served, &silent, &asked, &inquired)
		k.Served, k.Silent, k.Asked, k.Inquired = fromUnix(served), fromUnix(silent), fromUnix(asked), fromUnix(inquired)
		return err
	}, `SELECT served, silent, asked, inquired FROM key_service WHERE domain = $1 AND source = $2`, domain, source))
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	service.Domain, service.Source = domain, source
	return service, err
}

// PutKeyService records what is known of a domain.
func (t *KeyTx) PutKeyService(ctx context.Context, k KeyService) error {
	_, err := t.tx.ExecContext(ctx, `
		INSERT INTO key_service (domain, source, served, silent, asked, inquired) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (domain, source) DO UPDATE SET served = excluded.served, silent = excluded.silent,
			asked = excluded.asked, inquired = excluded.inquired`,
		k.Domain, k.Source, toUnix(k.Served), toUnix(k.Silent), toUnix(k.Asked), toUnix(k.Inquired))
	return err
}

// Serves reports whether a domain ever served or announced a key, whatever the source.
func (s *Store) Serves(ctx context.Context, domain string) (bool, error) {
	serves, err := first(collect(ctx, s.point, func(rows *sql.Rows, serves *bool) error {
		return rows.Scan(serves)
	}, `SELECT EXISTS (SELECT 1 FROM key_service WHERE domain = $1 AND served > 0)`, domain))
	if err != nil {
		return false, fmt.Errorf("read key services: %w", err)
	}
	return serves, nil
}

// toUnix turns the zero time into 0.
func toUnix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func fromUnix(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}
