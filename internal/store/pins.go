package store

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"time"
)

// Pin says which certificate is used for an address. Times have whole seconds.
type Pin struct {
	Address     string
	Fingerprint string // upper-case hexadecimal
	Level       uint8
	Source      string
	Pinned      time.Time
	// Refresh is when the sources are next asked about it in the background.
	Refresh time.Time
	// Former has the fingerprints of certificates whose successor it is, with blanks between.
	Former string
}

// Conflict is a certificate that a source gave for an address in the place of the pinned one.
type Conflict struct {
	Address     string
	Fingerprint string // upper-case hexadecimal
	Source      string
	Level       uint8
	Why         string // for people
	Since       time.Time
}

const pinColumns = `address, fingerprint, level, source, pinned, refresh, former`

// Pin returns the pin of an address, or [ErrNotFound].
func (s *Store) Pin(ctx context.Context, address string) (Pin, error) {
	return pin(ctx, s.point, address)
}

// Pin returns the pin of an address, or [ErrNotFound].
func (t *KeyTx) Pin(ctx context.Context, address string) (Pin, error) { return pin(ctx, t.tx, address) }

func pin(ctx context.Context, q querier, address string) (Pin, error) {
	return first(collect(ctx, q, scanPin, `SELECT `+pinColumns+` FROM pin WHERE address = $1`, address))
}

// Pins goes through all pins by address, page by page; an error ends it.
func (s *Store) Pins(ctx context.Context) iter.Seq2[Pin, error] {
	return pages(func(last string, limit int) ([]Pin, error) {
		return collect(ctx, s.read, scanPin,
			`SELECT `+pinColumns+` FROM pin WHERE address > $1 ORDER BY address LIMIT $2`, last, limit)
	}, func(p Pin) string { return p.Address })
}

// PinsTo returns the pins to a certificate, ordered by address.
func (s *Store) PinsTo(ctx context.Context, fingerprint string) ([]Pin, error) {
	return collect(ctx, s.read, scanPin,
		`SELECT `+pinColumns+` FROM pin WHERE fingerprint = $1 ORDER BY address`, fingerprint)
}

// CountPins returns how many addresses have a pin.
func (s *Store) CountPins(ctx context.Context) (int, error) {
	return first(collect(ctx, s.read, func(rows *sql.Rows, n *int) error { return rows.Scan(n) }, `SELECT count(*) FROM pin`))
}

// AddPin makes a certificate the one of an address that has none yet, and reports whether it had none. The generation
// stays: no answer could rest on there being no pin.
func (t *KeyTx) AddPin(ctx context.Context, p Pin) (bool, error) {
	before := t.changed
	added, err := t.affects(ctx, `INSERT INTO pin (`+pinColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
		p.Address, p.Fingerprint, p.Level, p.Source, toUnix(p.Pinned), toUnix(p.Refresh), p.Former)
	t.changed = before
	return added, err
}

// SetPin makes a certificate the one of an address.
func (t *KeyTx) SetPin(ctx context.Context, p Pin) error {
	t.changed = true
	_, err := t.tx.ExecContext(ctx, `
		INSERT INTO pin (`+pinColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (address) DO UPDATE SET fingerprint = excluded.fingerprint, level = excluded.level,
			source = excluded.source, pinned = excluded.pinned, refresh = excluded.refresh, former = excluded.former`,
		p.Address, p.Fingerprint, p.Level, p.Source, toUnix(p.Pinned), toUnix(p.Refresh), p.Former)
	return err
}

// RemovePin ends the pin of an address and reports whether there was one.
func (t *KeyTx) RemovePin(ctx context.Context, address string) (bool, error) {
	return t.affects(ctx, `DELETE FROM pin WHERE address = $1`, address)
}

// ClaimRefresh returns the pin whose refresh has been due for the longest, or else one that is put off beyond latest,
// which a clock that was ahead has done. It puts its refresh off to next so that no other process takes it, too. If
// there is none it returns [ErrNotFound].
func (s *Store) ClaimRefresh(ctx context.Context, now, next, latest time.Time) (p Pin, err error) {
	err = s.update(ctx, func(tx *sql.Tx) error {
		p, err = first(collect(ctx, tx, scanPin,
			`SELECT `+pinColumns+` FROM pin WHERE refresh <= $1 ORDER BY refresh, address LIMIT 1`, toUnix(now)))
		if errors.Is(err, ErrNotFound) {
			p, err = first(collect(ctx, tx, scanPin,
				`SELECT `+pinColumns+` FROM pin WHERE refresh > $1 ORDER BY refresh DESC, address LIMIT 1`, toUnix(latest)))
		}
		if err == nil {
			_, err = tx.ExecContext(ctx, `UPDATE pin SET refresh = $1 WHERE address = $2`, toUnix(next), p.Address)
		}
		return err
	})
	return p, err
}

// AddConflict records a conflict and reports whether it is new.
func (t *KeyTx) AddConflict(ctx context.Context, c Conflict) (bool, error) {
	return t.affects(ctx, `
		INSERT INTO conflict (address, fingerprint, source, level, why, since) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT DO NOTHING`, c.Address, c.Fingerprint, c.Source, c.Level, c.Why, toUnix(c.Since))
}

// RemoveConflicts ends the conflicts of an address and reports whether there were any. With a source, only those that
// it caused.
func (t *KeyTx) RemoveConflicts(ctx context.Context, address, source string) (bool, error) {
	return t.affects(ctx, `DELETE FROM conflict WHERE address = $1 AND (source = $2 OR $2 = '')`, address, source)
}

// Conflicts returns all conflicts, or those of one address if it is not "", ordered by address.
func (s *Store) Conflicts(ctx context.Context, address string) ([]Conflict, error) {
	const columns, order = `SELECT address, fingerprint, source, level, why, since FROM conflict `, `ORDER BY address, fingerprint`
	if address == "" {
		return collect(ctx, s.read, scanConflict, columns+order)
	}
	return collect(ctx, s.point, scanConflict, columns+`WHERE address = $1 `+order, address)
}

func scanConflict(rows *sql.Rows, c *Conflict) error {
	var since int64
	err := rows.Scan(&c.Address, &c.Fingerprint, &c.Source, &c.Level, &c.Why, &since)
	c.Since = fromUnix(since)
	return err
}

func scanPin(rows *sql.Rows, p *Pin) error {
	var pinned, refresh int64
	err := rows.Scan(&p.Address, &p.Fingerprint, &p.Level, &p.Source, &pinned, &refresh, &p.Former)
	p.Pinned, p.Refresh = fromUnix(pinned), fromUnix(refresh)
	return err
}
