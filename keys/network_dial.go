package keys

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

const (
	// maxAddresses bounds the addresses of one host that are tried, and connectTimeout the time for each. A host with
	// one dead address among others costs half of that.
	maxAddresses   = 6
	connectTimeout = 6 * time.Second
)

// errNotPublic means that a host has only addresses that are no places on the Internet.
var errNotPublic = errors.New("its address is not one of the public Internet")

// dialer connects to hosts that strangers have named. It is immutable.
type dialer struct {
	resolver HostResolver
	allow    []netip.Prefix
	connect  func(ctx context.Context, network, address string) (net.Conn, error)
}

// dial connects to "host:port". Only the addresses that it has checked itself are connected to, so a name that changes
// its meaning in between (DNS rebinding) gains nothing. An error for which [isDefinite] holds is one of all addresses
// that can be tried from here.
func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addrs, failure := d.resolve(ctx, host)
	addrs = addrs[:min(len(addrs), maxAddresses)]
	for i, addr := range addrs {
		timeout := connectTimeout
		if i < len(addrs)-1 {
			timeout /= 2
		}
		conn, err := d.try(ctx, network, net.JoinHostPort(addr.String(), port), timeout)
		if err == nil {
			return conn, nil
		}
		failure = weightier(failure, err)
	}
	return nil, failure
}

// weightier returns the one of two errors that decides what has become of a host: rather one that leaves it open than
// one that is definite, and rather that than one of a kind of network that this machine does not have.
func weightier(a, b error) error {
	weight := func(err error) int {
		switch {
		case err == nil:
			return 0
		case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EAFNOSUPPORT):
			return 1
		case isDefinite(err):
			return 2
		default:
			return 3
		}
	}
	if weight(b) > weight(a) {
		return b
	}
	return a
}

func (d *dialer) try(ctx context.Context, network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return d.connect(ctx, network, address)
}

// resolve returns the addresses of a host that may be connected to. If there may be more, or none is left, the error
// says why.
func (d *dialer) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	addrs, err := lookupBoth(ctx, d.resolver, host)
	var may []netip.Addr
	for _, addr := range addrs {
		addr = addr.Unmap()
		if isPublic(addr) || within(d.allow, addr) {
			may = append(may, addr)
		}
	}
	if err == nil && len(may) == 0 {
		err = fmt.Errorf("%w: %s", errNotPublic, addrs[0])
	}
	return may, err
}

// isDefinite reports whether the error of [dialer.dial] says that the host has no HTTPS service, rather than that it
// could not be found out.
func isDefinite(err error) bool {
	return isNoHost(err) || errors.Is(err, errNotPublic) || errors.Is(err, syscall.ECONNREFUSED)
}
