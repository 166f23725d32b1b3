package store

import (
	"context"
	"crypto/tls"
	"database/sql/driver"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// impatientConn is a connection to a server that must not be silent for too long: each read and write has a deadline
// of its own. Without one, a host that has vanished would hold up whoever asks for as long as their context lasts.
type impatientConn struct {
	net.Conn
	silence time.Duration

	mu sync.Mutex
	// limit is the deadline that the driver has set, because a context has ended; zero for none.
	limit time.Time
}

func (c *impatientConn) Read(p []byte) (int, error) {
	if err := c.extend(c.Conn.SetReadDeadline); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c *impatientConn) Write(p []byte) (int, error) {
	if err := c.extend(c.Conn.SetWriteDeadline); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// extend sets a deadline unless the driver has set one.
func (c *impatientConn) extend(set func(time.Time) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.limit.IsZero() {
		return nil
	}
	return set(time.Now().Add(c.silence))
}

// SetDeadline is how the driver ends a read or write of a context that has ended.
func (c *impatientConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limit = t
	return c.Conn.SetDeadline(t)
}

// quiet reports whether the connection is open and nothing waits to be read. It asks only this host's kernel.
func (c *impatientConn) quiet() bool {
	socket, ok := c.Conn.(syscall.Conn)
	if !ok {
		return true // not known, and the next read will tell
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	var peeked error
	err = raw.Control(func(fd uintptr) {
		_, _, peeked = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	return err == nil && peeked == syscall.EAGAIN
}

// checkConn refuses an idle connection on which the server has said something, if only that it is going: a server that
// was restarted costs nobody an error who did not use it meanwhile.
func checkConn(_ context.Context, conn *pgx.Conn) error {
	under := conn.PgConn().Conn()
	if encrypted, ok := under.(*tls.Conn); ok {
		under = encrypted.NetConn()
	}
	if c, ok := under.(*impatientConn); ok && !c.quiet() {
		return driver.ErrBadConn
	}
	return nil
}
