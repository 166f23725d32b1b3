package keys

import (
	"context"
	"net"
	"net/netip"
	"strings"

	"github.com/miekg/dns"
)

// LookupNetIP returns the addresses of a host, as [HostResolver] wants them. The error is a [*net.DNSError] if the host
// has none (IsNotFound), or if that could not be found out.
func (r *Resolver) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	host = strings.TrimSuffix(host, ".")
	if !isHostName(host) {
		return nil, &net.DNSError{Err: "it is not a host name", Name: host}
	}
	var recordType uint16
	switch network {
	case "ip4":
		recordType = dns.TypeA
	case "ip6":
		recordType = dns.TypeAAAA
	default:
		return nil, net.UnknownNetworkError(network)
	}
	answer, err := r.query(ctx, host, recordType)
	if err != nil {
		return nil, err
	}
	var found []netip.Addr
	for _, rr := range answer.records {
		var ip net.IP
		switch rr := rr.(type) {
		case *dns.A:
			ip = rr.A
		case *dns.AAAA:
			ip = rr.AAAA
		}
		if addr, ok := netip.AddrFromSlice(ip); ok {
			found = append(found, addr)
		}
	}
	switch {
	case !answer.exists:
		return nil, &net.DNSError{Err: "no such host", Name: host, Server: r.String(), IsNotFound: true}
	case len(found) == 0:
		return nil, &net.DNSError{Err: "the host has no address", Name: host, Server: r.String(), IsNotFound: true}
	}
	return found, nil
}
