package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"syscall"
)

// ErrServing says that a daemon works with the database, or is kept from that.
var ErrServing = errors.New("the database is in use")

// servingLock is the octet of the claims file that daemons lock together, or who wants none of them to work alone.
const servingLock = math.MaxInt64 - 2

// Serve notes that a daemon of this host works with the database, until the store is closed or the process ends. It fails with
// [ErrServing] as long as somebody has excluded that; see [OpenAlone].
func (s *Store) Serve() error {
	err := s.host.serving(syscall.F_RDLCK)
	if errors.Is(err, ErrServing) {
		return fmt.Errorf("%w by sealmilter store migrate; start sealmilter when that has ended", err)
	}
	return err
}

// serving takes the lock of who serves, together with others or alone.
func (c *hostClaims) serving(kind int16) error {
	if c.path == "" {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.open(); err != nil {
		return err
	}
	err := c.lock(lockAtOnce, kind, servingLock)
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) {
		return ErrServing
	}
	return err
}

// OpenAlone is like [OpenWithState] for a command during which no daemon may work with the database. It fails with
// [ErrServing] if one of this host does, or is connected from elsewhere to a PostgreSQL database, and none of this host can
// start before the store is closed.
func OpenAlone(ctx context.Context, database, state string) (*Store, error) {
	s, err := openAs(ctx, database, setup{migrations: migrations, waits: defaultWaits(), state: state, application: "sealmilter store"})
	if err != nil {
		return nil, err
	}
	err = s.host.serving(syscall.F_WRLCK)
	if err == nil && s.shared != nil {
		err = s.connectedElsewhere(ctx)
	}
	if errors.Is(err, ErrServing) {
		err = fmt.Errorf("%w by sealmilter serve; stop it, on all hosts that share the database: systemctl stop sealmilter", err)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// connectedElsewhere fails with [ErrServing] if other programs of ours are connected to a PostgreSQL database. One that has
// been idle for some minutes is not.
func (s *Store) connectedElsewhere(ctx context.Context) error {
	others, err := first(collect(ctx, s.read, func(rows *sql.Rows, n *int64) error { return rows.Scan(n) }, `
		SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND usename = current_user AND application_name = $1`, s.application))
	if err == nil && others > 0 {
		return fmt.Errorf("%w (%d connections)", ErrServing, others)
	}
	return err
}
