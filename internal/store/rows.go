package store

import (
	"context"
	"database/sql"
	"fmt"
)

// querier is what a pool and a transaction have in common.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// collect runs a query and scans each row of the answer.
func collect[T any](ctx context.Context, q querier, scan func(*sql.Rows, *T) error, query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("query database: %w", explain(err))
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		var row T
		if err := scan(rows, &row); err != nil {
			return nil, fmt.Errorf("read database row: %w", explain(err))
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("query database: %w", explain(err))
	}
	return all, nil
}

// first returns the only or first row of an answer, or [ErrNotFound] if there is none.
func first[T any](rows []T, err error) (row T, _ error) {
	if err != nil {
		return row, err
	}
	if len(rows) == 0 {
		return row, ErrNotFound
	}
	return rows[0], nil
}
