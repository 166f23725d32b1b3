package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"path"
)

// migrations are applied in the order of their names, each once. The number of a released one never changes, nor
// does its text. They use the types TEXT, BLOB, BIGINT, INTEGER, SMALLINT and BOOLEAN, and no others.
//
//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to date. All steps are one transaction: after a failure the old schema is still
// whole, and two processes that start together do not meet. dialect translates a step for the database.
func migrate(ctx context.Context, w writer, as setup, dialect func(text string) string) error {
	steps, err := migrationSteps(as.migrations)
	if err != nil {
		return err
	}
	return w.update(ctx, func(tx *sql.Tx) error {
		version, err := schemaVersion(ctx, tx)
		if err != nil {
			return err
		}
		if version > len(steps) {
			return tooNew(version, len(steps))
		}
		if version > 0 && version < len(steps) && as.upgrade != migrates {
			return &OlderSchema{version, len(steps)}
		}
		for i, name := range steps[version:] {
			text, err := fs.ReadFile(as.migrations, name)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, dialect(string(text))); err != nil {
				return fmt.Errorf("migration %s: %w", path.Base(name), err)
			}
			if _, err := tx.ExecContext(ctx, `UPDATE schema_version SET version = $1`, version+i+1); err != nil {
				return err
			}
		}
		return nil
	})
}

// tooNew refuses a schema that this program does not know.
func tooNew(version, known int) error {
	return fmt.Errorf("its schema %d was made by a newer sealmilter, this one knows %d; install the newer program again", version, known)
}

// migrationSteps returns the names of the migrations in their order. The schema is called after their number.
func migrationSteps(from fs.FS) ([]string, error) { return fs.Glob(from, "migrations/*.sql") }

// schemaVersion returns how many migrations the database has seen, 0 for an empty one.
func schemaVersion(ctx context.Context, tx *sql.Tx) (version int, err error) {
	if _, err := tx.ExecContext(ctx, `
		CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL);
		INSERT INTO schema_version SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM schema_version)`); err != nil {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, `SELECT version FROM schema_version`).Scan(&version)
	return version, err
}
