package keys

import (
	"context"
	"crypto/tls"
	"fmt"
	"math"
	"net"
	"sync/atomic"
	"time"

	"github.com/go-ldap/ldap/v3"
)

const (
	// maxIdleLDAP bounds the connections that wait for the next search.
	maxIdleLDAP = 4
	// longestSearch bounds a search whose context sets no bound.
	longestSearch = 30 * time.Second
)

// ldapConn is a connection that serves one search at a time, so that it can be cut off with it.
type ldapConn struct {
	protocol *ldap.Conn
	network  *boundedConn
}

func (c *ldapConn) close() { c.protocol.Close() }

// boundedConn reads no more than a budget.
type boundedConn struct {
	net.Conn
	budget atomic.Int64
}

var errLDAPTooMuch = fmt.Errorf("the LDAP server sent more than %d octets", maxLDAPAnswer)

func (b *boundedConn) Read(p []byte) (int, error) {
	if b.budget.Load() <= 0 {
		return 0, errLDAPTooMuch
	}
	n, err := b.Conn.Read(p)
	b.budget.Add(-int64(n))
	return n, err
}

// search finds the entries that match a filter. A kept connection may have broken since it was used, so its failure
// counts only if a new one fails, too.
func (l *LDAP) search(ctx context.Context, filter string) (*ldap.SearchResult, error) {
	ctx, cancel := context.WithTimeout(ctx, longestSearch)
	defer cancel()
	if conn := l.takeIdle(); conn != nil {
		result, err := l.searchOn(ctx, conn, filter)
		if err == nil || ctx.Err() != nil {
			return result, orEnd(ctx, err)
		}
	}
	conn, err := l.connect(ctx)
	if err != nil {
		return nil, orEnd(ctx, err)
	}
	result, err := l.searchOn(ctx, conn, filter)
	if err != nil {
		return nil, orEnd(ctx, err)
	}
	return result, nil
}

// searchOn searches over a connection, which is kept if that went well and closed otherwise.
func (l *LDAP) searchOn(ctx context.Context, conn *ldapConn, filter string) (*ldap.SearchResult, error) {
	var result *ldap.SearchResult
	err := conn.during(ctx, func() (err error) {
		const onlyTypes = false
		result, err = conn.protocol.Search(ldap.NewSearchRequest(l.options.Base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases,
			maxLDAPEntries, timeLimit(ctx), onlyTypes, filter, []string{l.options.Attribute}, nil))
		return err
	})
	if err != nil {
		conn.close()
		return nil, err
	}
	l.keep(conn)
	return result, nil
}

// timeLimit returns how long the server may search, in whole seconds, 0 for any time.
func timeLimit(ctx context.Context) int {
	deadline, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	return int(math.Ceil(max(time.Until(deadline), time.Second).Seconds()))
}

// during runs one exchange with the server, within ctx and the budget of one answer. After an error the connection is
// of no use.
func (c *ldapConn) during(ctx context.Context, exchange func() error) error {
	c.network.budget.Store(maxLDAPAnswer)
	stop := context.AfterFunc(ctx, func() { c.network.Close() })
	err := exchange()
	switch {
	case !stop():
		return ctx.Err()
	case err != nil && c.network.budget.Load() <= 0:
		return errLDAPTooMuch
	}
	return err
}

// connect opens a connection that is protected and logged in.
func (l *LDAP) connect(ctx context.Context) (*ldapConn, error) {
	dialled, err := l.options.Dial(ctx, "tcp", l.address)
	if err != nil {
		// What the error wraps, such as [ErrNoService] for a host that does not exist, is no word about the address.
		return nil, fmt.Errorf("connect to the LDAP server: %v", err)
	}
	network := &boundedConn{Conn: dialled}
	network.budget.Store(maxLDAPAnswer)
	var conn *ldapConn
	if l.direct {
		encrypted := tls.Client(network, l.tls)
		if err := encrypted.HandshakeContext(ctx); err != nil {
			network.Close()
			return nil, fmt.Errorf("TLS with the LDAP server: %w", err)
		}
		conn = &ldapConn{ldap.NewConn(encrypted, true), network}
	} else {
		conn = &ldapConn{ldap.NewConn(network, false), network}
	}
	conn.protocol.Start()
	if err := conn.during(ctx, func() error { return l.greet(conn) }); err != nil {
		conn.close()
		return nil, err
	}
	return conn, nil
}

// greet turns on TLS where it is not on yet, and logs in.
func (l *LDAP) greet(conn *ldapConn) error {
	if !l.direct && (l.options.StartTLS || !isLoopback(conn.network.RemoteAddr())) {
		if err := conn.protocol.StartTLS(l.tls); err != nil {
			return fmt.Errorf("StartTLS with the LDAP server (which may be asked without TLS only on this host): %w", err)
		}
	}
	if l.options.BindDN == "" {
		return nil
	}
	if err := conn.protocol.Bind(l.options.BindDN, l.options.Password); err != nil {
		return fmt.Errorf("log in to the LDAP server as %s: %w", l.options.BindDN, err)
	}
	return nil
}

func isLoopback(address net.Addr) bool {
	tcp, ok := address.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// takeIdle returns a kept connection, the one used last, or nil.
func (l *LDAP) takeIdle() *ldapConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.idle) > 0 {
		last := len(l.idle) - 1
		conn := l.idle[last]
		l.idle = l.idle[:last]
		if !conn.protocol.IsClosing() {
			return conn
		}
	}
	return nil
}

func (l *LDAP) keep(conn *ldapConn) {
	l.mu.Lock()
	kept := !l.closed && len(l.idle) < maxIdleLDAP
	if kept {
		l.idle = append(l.idle, conn)
	}
	l.mu.Unlock()
	if !kept {
		conn.close()
	}
}
