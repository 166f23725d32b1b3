package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Inspection is what a database says of itself.
type Inspection struct {
	// Engine is "SQLite" or "PostgreSQL", with its version.
	Engine string
	// Schema counts the migrations that the database has seen.
	Schema int
	// Size is that of the whole database in octets.
	Size int64
	// Newest is when the last record was made that has a time, by the clock of the host that has made it; the zero time
	// if there is none.
	Newest time.Time
}

// Inspect asks the database about itself.
func (s *Store) Inspect(ctx context.Context) (Inspection, error) {
	engine := `SELECT 'SQLite ' || sqlite_version()`
	if s.shared != nil {
		engine = `SELECT 'PostgreSQL ' || current_setting('server_version')`
	}
	var found Inspection
	var err error
	if found.Engine, err = first(collect(ctx, s.read, func(rows *sql.Rows, text *string) error { return rows.Scan(text) }, engine)); err != nil {
		return found, err
	}
	if found.Size, err = s.Size(ctx); err != nil {
		return found, err
	}
	type last struct{ schema, newest int64 }
	l, err := first(collect(ctx, s.read, func(rows *sql.Rows, l *last) error {
		return rows.Scan(&l.schema, &l.newest)
	}, `SELECT (SELECT version FROM schema_version), coalesce(max(at), 0) FROM (
			SELECT max(updated) AS at FROM certificate UNION ALL SELECT max(created) FROM sender_key
			UNION ALL SELECT max(asked) FROM lookup UNION ALL SELECT max(pinned) FROM pin
		) AS records`))
	found.Schema, found.Newest = int(l.schema), fromUnix(l.newest)
	return found, err
}

// Damage reads an SQLite database whole and returns what is wrong with its structure, a few statements at most: they name
// pages and rows, and no content. Nothing is wrong with a database that could not be read to its end before ctx ended;
// then the error is that of ctx. A PostgreSQL server looks after its files itself.
func (s *Store) Damage(ctx context.Context) ([]string, error) {
	if s.shared != nil {
		return nil, nil
	}
	const sound = "ok"
	found, err := scanAll(ctx, s.read, func(rows *sql.Rows, text *string) error { return rows.Scan(text) }, `PRAGMA quick_check(5)`)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("check the database: %w", explain(err))
	case len(found) == 1 && found[0] == sound:
		return nil, nil
	}
	return found, nil
}
