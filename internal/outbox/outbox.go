package outbox

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"sealmilter/internal/mail"
)

// Ledger keeps digests of the copies that were sent, each until a given time. [sealmilter/internal/store.Store] is one.
type Ledger interface {
	// SentCopies returns the copies of a message that count as sent at a time: those whose record expires after it, but
	// not after latest.
	SentCopies(ctx context.Context, message string, at, latest time.Time) ([]string, error)
	// RecordSent records copies of a message, all or none. They survive the end of the process.
	RecordSent(ctx context.Context, message string, copies []string, expires time.Time) error
	// Flush returns when all that was recorded before survives the loss of power as well.
	Flush(ctx context.Context) error
	// ExpireSent changes when the records expire that count at a time.
	ExpireSent(ctx context.Context, message string, at, latest, expires time.Time) error
	// ForgetSent deletes the records of a message.
	ForgetSent(ctx context.Context, message string) error

	// Claim takes a message into work, and reports false if somebody else has it who uses the same ledger.
	Claim(ctx context.Context, message string) (bool, error)
	// KeepClaim reports false if somebody else has taken over a claim.
	KeepClaim(ctx context.Context, message string) (bool, error)
	// ReleaseClaim ends a claim.
	ReleaseClaim(ctx context.Context, message string) error
}

// ErrBusy is returned while the same message is being worked on elsewhere: a client that is impatient, or two of them. It
// is a [*mail.Failure], the answer to the client.
var ErrBusy error = mail.Defer("4.4.5", "This message is being sent already. Please try again later.", nil)

// Outbox is safe for concurrent use.
type Outbox struct {
	// Witness is told of each copy between its final dot and its record. It is set before the first attempt. Without one, a
	// crash of this process may repeat such a copy.
	Witness Witness
	// Observer is told of copies; nil for nobody. It is set before the first attempt.
	Observer Observer

	addr   string
	ledger Ledger
	now    func() time.Time
	// unrecorded is how often the ledger did not take or keep a record since one was last made in its place; it is 0
	// when all is well.
	unrecorded atomic.Int64
	// kept are connections between two messages, and further the places for connections beyond the first one of each
	// message.
	kept    kept
	further chan struct{}

	mu    sync.Mutex
	late  map[string]lateRecord     // by message
	conns map[netip.AddrPort]ownEnd // the open connections by their local end
}

// New returns an outbox that sends to addr, the host:port of the MTA's loopback listener.
func New(addr string, ledger Ledger, now func() time.Time) *Outbox {
	return &Outbox{addr: addr, ledger: ledger, now: now, further: make(chan struct{}, mostFurther), late: map[string]lateRecord{},
		conns: map[netip.AddrPort]ownEnd{}}
}

// Close ends the connections that are kept for further messages. Attempts may go on; what they open is not kept.
func (o *Outbox) Close() { o.kept.close() }

// ownEnd is what nobody else can know or have of an open connection.
type ownEnd struct {
	server netip.AddrPort
	name   string // said with EHLO
}

// dial opens a connection that the guard knows before the MTA can ask about it.
func (o *Outbox) dial(ctx context.Context) (*ownConn, error) {
	const timeout = 10 * time.Second
	conn, err := (&net.Dialer{Timeout: timeout}).DialContext(ctx, "tcp", o.addr)
	if err != nil {
		return nil, err
	}
	local, server := endOf(conn.LocalAddr()), endOf(conn.RemoteAddr())
	tcp, ok := conn.(*net.TCPConn)
	if !ok || !local.IsValid() || !server.IsValid() {
		return nil, errors.Join(fmt.Errorf("a connection from %v to %v", conn.LocalAddr(), conn.RemoteAddr()), conn.Close())
	}
	name := strings.ToLower(rand.Text()) + ".sealmilter.localhost"
	o.mu.Lock()
	defer o.mu.Unlock()
	o.conns[local] = ownEnd{server, name}
	return &ownConn{TCPConn: tcp, outbox: o, local: local, name: name}, nil
}

// endOf returns an end of a TCP connection, the zero AddrPort of any other.
func endOf(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	end := tcp.AddrPort()
	return netip.AddrPortFrom(end.Addr().Unmap(), end.Port())
}

// Owns reports whether client is the local end of an open connection of this outbox, server, as far as it is known, the
// other, and name what was said there with EHLO.
//
// It must be known that the client has called the listener for copies: the kernel gives the same local address and port to
// somebody else who calls another server, but not towards the same one. That alone does not do: somebody may have called
// from this address and port before, hung up by a reset, and left commands behind that the MTA is still reading. The name is
// drawn at random for each connection, after such commands were written.
func (o *Outbox) Owns(client, server netip.AddrPort, name string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	own, open := o.conns[client]
	switch {
	case !open, server.Addr().IsValid() && server.Addr() != own.server.Addr(), server.Port() != 0 && server.Port() != own.server.Port():
		return false
	default:
		return subtle.ConstantTimeCompare([]byte(name), []byte(own.name)) == 1
	}
}

// ownConn is a connection of the outbox.
type ownConn struct {
	*net.TCPConn
	outbox *Outbox
	local  netip.AddrPort
	name   string
	forget sync.Once
}

// Read has what comes be acknowledged at once. Replies to commands that went out together come in several segments, and
// the MTA's host holds each back until the one before is acknowledged, which takes 40 ms otherwise (RFC 1122, section
// 4.2.3.4). The kernel forgets the wish by and by; where it cannot be met, all still works.
func (c *ownConn) Read(p []byte) (int, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	raw.Control(func(descriptor uintptr) {
		unix.SetsockoptInt(int(descriptor), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
	})
	return c.TCPConn.Read(p)
}

// Close forgets the local port before the kernel can give it to somebody else, once: by a second call, another connection
// of the outbox may have it.
func (c *ownConn) Close() error {
	c.forget.Do(func() {
		c.outbox.mu.Lock()
		defer c.outbox.mu.Unlock()
		delete(c.outbox.conns, c.local)
	})
	return c.TCPConn.Close()
}
