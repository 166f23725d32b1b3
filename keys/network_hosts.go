package keys

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
)

// HostResolver finds the addresses of hosts. [Resolver] and [net.Resolver] are such. The network is "ip4" or "ip6", and
// the host ends with a dot. For one that does not exist, or has no such address, it returns a [*net.DNSError] with
// IsNotFound; any other error means that it is unknown. It is used by several goroutines at once.
type HostResolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// systemResolver asks the name servers of this machine's configuration. It is Go's own, because the C library's does
// not always tell a name server that fails from a name that does not exist.
func systemResolver() HostResolver { return &net.Resolver{PreferGo: true} }

// lookupBoth returns the addresses of a host, those of IPv4 first: where IPv6 is broken, it often just gets no answer.
// Both kinds are asked for one by one, because [net.Resolver] says that there is no such host when one kind does not
// exist and the server fails to tell about the other. Then what is known comes with the error.
func lookupBoth(ctx context.Context, r HostResolver, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	// With its final dot the name is complete: the search list of this machine is for names of its own network.
	host = strings.TrimSuffix(host, ".") + "."
	type found struct {
		addrs []netip.Addr
		err   error
	}
	six := make(chan found, 1)
	go func() {
		addrs, err := r.LookupNetIP(ctx, "ip6", host)
		six <- found{addrs, err}
	}()
	addrs, err := r.LookupNetIP(ctx, "ip4", host)
	of6 := <-six
	addrs = append(addrs[:len(addrs):len(addrs)], of6.addrs...)
	for _, err := range []error{err, of6.err} {
		if err != nil && !isNoHost(err) {
			return addrs, err
		}
	}
	if len(addrs) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return addrs, nil
}

// isNoHost reports whether the error of a lookup says that there is no such host.
func isNoHost(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}
