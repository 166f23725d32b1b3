package keys

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

const (
	// maxAddresses bounds the addresses of one host that are tried, and connectTimeout the time for each. A host with
	// one dead address among others costs half of that.
	maxAddresses   = 6
	connectTimeout = 6 * time.Second
)

// HostResolver finds the addresses of hosts. [net.Resolver] is one. For a host that has none or does not exist it returns
// a [*net.DNSError] with IsNotFound, for one of which it is unknown any other error.
type HostResolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// errNotPublic means that a host has only addresses that are no places on the Internet.
var errNotPublic = errors.New("its address is not one of the public Internet")

// dialer connects to hosts that strangers have named. It is immutable.
type dialer struct {
	resolver HostResolver
	allow    []netip.Prefix
	connect  func(ctx context.Context, network, address string) (net.Conn, error)
}

// dial connects to "host:port". Only the addresses that it has checked itself are connected to, so a name that changes
// its meaning in between (DNS rebinding) gains nothing. An error for which [isDefinite] holds is one of all addresses.
func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	addrs, err := d.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	addrs = addrs[:min(len(addrs), maxAddresses)]
	var failure error
	for i, addr := range addrs {
		timeout := connectTimeout
		if i < len(addrs)-1 {
			timeout /= 2
		}
		conn, err := d.try(ctx, network, net.JoinHostPort(addr.String(), port), timeout)
		if err == nil {
			return conn, nil
		}
		if failure == nil || isDefinite(failure) {
			failure = err
		}
	}
	return nil, failure
}

func (d *dialer) try(ctx context.Context, network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return d.connect(ctx, network, address)
}

// resolve returns the addresses of a host that may be connected to, at least one.
func (d *dialer) resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	addrs, err := d.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	if len(addrs) == 0 {
		return nil, &net.DNSError{Err: "no addresses", Name: host, IsNotFound: true}
	}
	var may []netip.Addr
	for _, addr := range addrs {
		addr = addr.Unmap()
		if isPublic(addr) || within(d.allow, addr) {
			may = append(may, addr)
		}
	}
	if len(may) == 0 {
		return nil, fmt.Errorf("%w: %s", errNotPublic, addrs[0])
	}
	return may, nil
}

func (d *dialer) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	// With its final dot the name is complete: the search list of this machine is for names of its own network.
	return d.resolver.LookupNetIP(ctx, "ip", strings.TrimSuffix(host, ".")+".")
}

// isNoHost reports whether the error of a lookup says that there is no such host.
func isNoHost(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}

// isDefinite reports whether the error of [dialer.dial] says that the host has no HTTPS service, rather than that it
// could not be found out.
func isDefinite(err error) bool {
	return isNoHost(err) || errors.Is(err, errNotPublic) || errors.Is(err, syscall.ECONNREFUSED)
}
