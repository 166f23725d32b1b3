package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// errBusy says that a transaction could not begin because others were writing, or the server did not answer.
var errBusy = errors.New("the database could not be locked in time")

// writer runs transactions of which there is one at a time, whatever other processes do.
type writer struct {
	// db has one connection: writers of this process queue in order instead of polling for the lock.
	db      *sql.DB
	options *sql.TxOptions
	// lock takes the lock until the end of the transaction. It is nil where that is part of the beginning.
	lock func(ctx context.Context, tx *sql.Tx) error
	// flush makes a commit last where it does not by itself. It is nil where it does.
	flush func(ctx context.Context) error
	// wait is how long a transaction may take to begin and get the lock, 0 for no limit but that of its context.
	wait time.Duration
}

// update runs change in one transaction that commits when change returns nil, and returns nil when that will last. change
// holds the lock of the only writer: it must neither wait for anything nor use the store but through tx. Others write
// while update waits for the disk.
func (w writer) update(ctx context.Context, change func(tx *sql.Tx) error) error {
	if err := w.commit(ctx, change); err != nil || w.flush == nil {
		return err
	}
	return explain(w.flush(ctx))
}

// commit is like update, but does not wait for the disk: what it has written survives the end of the process.
func (w writer) commit(ctx context.Context, change func(tx *sql.Tx) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	tx, err := w.begin(ctx, cancel)
	if err != nil {
		return explain(err)
	}
	defer tx.Rollback() // does nothing after a commit
	if err := change(tx); err != nil {
		return explain(err)
	}
	return explain(tx.Commit())
}

// begin returns a transaction that holds the lock. It cancels ctx when that takes too long.
func (w writer) begin(ctx context.Context, cancel context.CancelCauseFunc) (*sql.Tx, error) {
	if w.wait > 0 {
		timer := time.AfterFunc(w.wait, func() { cancel(errBusy) })
		defer timer.Stop()
	}
	tx, err := w.db.BeginTx(ctx, w.options)
	if err == nil && w.lock != nil {
		if err = w.lock(ctx, tx); err != nil {
			tx.Rollback() // what it says is nothing against why there is no lock
		}
	}
	if err != nil && errors.Is(context.Cause(ctx), errBusy) {
		err = fmt.Errorf("%w: %v", errBusy, err) // and not [context.Canceled]: the caller has not gone
	}
	return tx, err
}

func (w writer) close() error { return w.db.Close() }
