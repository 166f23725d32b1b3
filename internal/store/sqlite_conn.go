package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
)

// watchedConnector opens connections that know their files.
type watchedConnector struct {
	driver.Connector
	files *sqliteFiles
}

// sqliteConn is what a connection of the driver can do.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// Connect implements [driver.Connector].
func (c *watchedConnector) Connect(ctx context.Context) (driver.Conn, error) {
	database, err := c.files.mayOpen()
	if err != nil {
		return nil, err
	}
	conn, err := c.patiently(ctx)
	if err != nil {
		return nil, err
	}
	full, ok := conn.(sqliteConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("the driver's %T lacks a method", conn), conn.Close())
	}
	watched, err := c.files.opened(ctx, full, database)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return watched, nil
}

// patiently opens a connection. SQLite's own wait for others does not cover a new database that another one has just
// opened: who would have to give up a lock of its own first is told at once that the database is busy.
func (c *watchedConnector) patiently(ctx context.Context) (driver.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		conn, err := c.Connector.Connect(ctx)
		var e *sqlite.Error
		if err == nil || !errors.As(err, &e) || e.Code()&0xff != codeBusy {
			return conn, err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, err
		}
	}
}

// watchedConn is a connection to files that may be replaced by others.
type watchedConn struct {
	sqliteConn
	watcher *sqliteFiles
	files   files
	// stamp is that of the directory when the files were found to be in place, and since how many were outdated.
	stamp stamp
	since int64
}

// inPlace reports whether the files lie at their paths. It asks the directory first, which takes a microsecond.
func (c *watchedConn) inPlace() bool {
	s := stampOf(filepath.Dir(c.watcher.path))
	if s == c.stamp && s.settled() {
		return true
	}
	c.stamp = s
	return c.watcher.now() == c.files
}

// QueryContext implements [driver.QueryerContext].
func (c *watchedConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := c.sqliteConn.QueryContext(ctx, text, args)
	return rows, c.watcher.failed(err)
}

// ExecContext implements [driver.ExecerContext].
func (c *watchedConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	result, err := c.sqliteConn.ExecContext(ctx, text, args)
	return result, c.watcher.failed(err)
}

// BeginTx implements [driver.ConnBeginTx].
func (c *watchedConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	tx, err := c.sqliteConn.BeginTx(ctx, options)
	return tx, c.watcher.failed(err)
}

// Unwrap returns the driver's connection.
func (c *watchedConn) Unwrap() driver.Conn { return c.sqliteConn }

// ResetSession implements [driver.SessionResetter]: the pool asks before it gives a connection away.
func (c *watchedConn) ResetSession(ctx context.Context) error {
	if c.since != c.watcher.outdated.Load() || !c.inPlace() {
		return driver.ErrBadConn
	}
	return c.sqliteConn.ResetSession(ctx)
}

// IsValid implements [driver.Validator]: the pool asks when it gets a connection back.
func (c *watchedConn) IsValid() bool {
	return c.since == c.watcher.outdated.Load() && c.sqliteConn.IsValid()
}

// Close implements [driver.Conn].
func (c *watchedConn) Close() error {
	defer c.watcher.closed(c)
	return c.sqliteConn.Close()
}

// queryNumber returns the first column of the first row that a connection outside of a pool answers.
func queryNumber(ctx context.Context, conn driver.QueryerContext, text string) (int64, error) {
	rows, err := conn.QueryContext(ctx, text, nil)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	row := make([]driver.Value, len(rows.Columns()))
	if err := rows.Next(row); err != nil {
		return 0, err
	}
	n, ok := row[0].(int64)
	if !ok {
		return 0, fmt.Errorf("%T in the place of a number", row[0])
	}
	return n, nil
}
