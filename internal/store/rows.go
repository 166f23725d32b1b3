package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// answerWait bounds a query, the wait for a free connection included.
const answerWait = lockWait + 5*time.Second

// errSilent says that a query took too long.
var errSilent = errors.New("the database did not answer in time")

// querier is what a pool and a transaction have in common.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// collect runs a query and scans each row of the answer.
func collect[T any](ctx context.Context, q querier, scan func(*sql.Rows, *T) error, query string, args ...any) ([]T, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, answerWait, errSilent)
	defer cancel()
	all, err := scanAll(ctx, q, scan, query, args...)
	if err == nil {
		return all, nil
	}
	if errors.Is(context.Cause(ctx), errSilent) {
		err = fmt.Errorf("%w: %v", errSilent, err)
	}
	return nil, fmt.Errorf("query database: %w", explain(err))
}

func scanAll[T any](ctx context.Context, q querier, scan func(*sql.Rows, *T) error, query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		var row T
		if err := scan(rows, &row); err != nil {
			return nil, fmt.Errorf("read a row: %w", err)
		}
		all = append(all, row)
	}
	return all, rows.Err()
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
