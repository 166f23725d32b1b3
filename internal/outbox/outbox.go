package outbox

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Ledger keeps digests of the copies that were sent, each until a given time. [sealmilter/internal/store.Store] is one.
type Ledger interface {
	SentCopies(ctx context.Context, message string, at time.Time) ([]string, error)
	RecordSent(ctx context.Context, message, name string, at, expires time.Time) error
	ExpireSent(ctx context.Context, message string, copies []string, expires time.Time) error
}

// ErrBusy is returned by [Outbox.Begin] while the same message is being worked on: a client that is impatient, or two of
// them. The message is to be answered with 451.
var ErrBusy = errors.New("the same message is in work already")

// Outbox is safe for concurrent use.
type Outbox struct {
	addr   string
	ledger Ledger
	now    func() time.Time
	// unrecorded says that the ledger did not take the last record.
	unrecorded atomic.Bool

	mu    sync.Mutex
	busy  map[string]bool         // messages in work
	ports map[netip.AddrPort]bool // the local ends of open connections
}

// New returns an outbox that sends to addr, the host:port of the MTA's loopback listener.
func New(addr string, ledger Ledger, now func() time.Time) *Outbox {
	return &Outbox{addr: addr, ledger: ledger, now: now, busy: map[string]bool{}, ports: map[netip.AddrPort]bool{}}
}

// dial opens a connection that the guard knows before the MTA can ask about it.
func (o *Outbox) dial(ctx context.Context) (net.Conn, error) {
	const timeout = 10 * time.Second
	conn, err := (&net.Dialer{Timeout: timeout}).DialContext(ctx, "tcp", o.addr)
	if err != nil {
		return nil, err
	}
	local, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	local = netip.AddrPortFrom(local.Addr().Unmap(), local.Port())
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ports[local] = true
	return &ownConn{Conn: conn, outbox: o, local: local}, nil
}

// Owns reports whether an address is the local end of an open connection of this outbox. Nobody else can have it
// meanwhile: the kernel gives an address and port to one socket at a time.
func (o *Outbox) Owns(addr netip.AddrPort) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ports[addr]
}

// ownConn is a connection of the outbox. Each read and write has a deadline of its own.
type ownConn struct {
	net.Conn
	outbox *Outbox
	local  netip.AddrPort
}

// writeTimeout bounds one write of a message's text.
const writeTimeout = time.Minute

func (c *ownConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// Close forgets the local port before the kernel can give it to somebody else.
func (c *ownConn) Close() error {
	c.outbox.mu.Lock()
	delete(c.outbox.ports, c.local)
	c.outbox.mu.Unlock()
	return c.Conn.Close()
}
