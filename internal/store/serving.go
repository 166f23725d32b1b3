package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"syscall"
)

// ErrServing says that a daemon works with the database, or that it is copied and no daemon may.
var ErrServing = errors.New("the database is in use")

// inUseByDaemon and inUseByCopy say by whom, and what to do.
func inUseByDaemon() error {
	return fmt.Errorf("%w by sealmilter serve; stop it, on all hosts that share the database: systemctl stop sealmilter", ErrServing)
}

func inUseByCopy() error {
	return fmt.Errorf("%w by sealmilter store migrate; try again when that has ended", ErrServing)
}

// servingLock is the octet of the claims file that daemons lock together, or who wants none of them to work alone.
const servingLock = math.MaxInt64 - 2

// Serve notes that a daemon of this host works with the database, until the store is closed or the process ends. It fails with
// [ErrServing] as long as somebody has excluded that; see [OpenAlone].
func (s *Store) Serve(ctx context.Context) error {
	if err := s.host.serving(syscall.F_RDLCK); err != nil || s.shared == nil {
		return err
	}
	// It is seen before it asks: a copy that begins meanwhile finds one of the two.
	if err := s.shared.present.begin(ctx); err != nil {
		return fmt.Errorf("connect to the database: %w", explain(err))
	}
	return notCopied(ctx, s.read)
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
	if !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EACCES) {
		return err
	}
	held := syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart, Start: servingLock, Len: 1}
	if err := syscall.FcntlFlock(c.file.Fd(), lockAsked, &held); err == nil && held.Type == syscall.F_RDLCK {
		return inUseByDaemon()
	}
	return inUseByCopy()
}

// OpenAlone is like [OpenWithState] for a command during which no daemon may work with the database. It fails with
// [ErrServing] if one of this host does, or is connected from elsewhere to a PostgreSQL database, and none of this host can
// start before the store is closed. Elsewhere, none can start while the database is copied; see [Store.CopyTo]. A database that is
// in use is left as it is, also with an older schema.
func OpenAlone(ctx context.Context, database, state string) (*Store, error) {
	return openToCopy(ctx, database, state, func(ctx context.Context, host *hostClaims, connected querier) error {
		if err := host.serving(syscall.F_WRLCK); err != nil {
			return err
		}
		return notConnected(ctx, connected)
	})
}

// OpenTarget is like [OpenWithState] for a database that another one is copied to, which the caller has opened with [OpenAlone]
// and the same state directory. It fails with [ErrServing] if a daemon is connected to it.
func OpenTarget(ctx context.Context, database, state string) (*Store, error) {
	return openToCopy(ctx, database, state, func(ctx context.Context, _ *hostClaims, connected querier) error {
		return notConnected(ctx, connected)
	})
}

func openToCopy(ctx context.Context, database, state string, admit func(context.Context, *hostClaims, querier) error) (*Store, error) {
	return openAs(ctx, database, setup{migrations: migrations, waits: defaultWaits(), state: state, application: copyName, admit: admit})
}
