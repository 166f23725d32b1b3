package keys

import (
	"net/netip"
	"slices"
)

// special lists the blocks of IPv4 and of global unicast IPv6 that are no places on the Internet, after the registries
// of RFC 6890: this host and network, private, shared (CGNAT), loopback, link-local, protocol assignments,
// documentation, 6to4, benchmarking, multicast and reserved ones.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("224.0.0.0/3"),
	netip.MustParsePrefix("2001::/23"), // Teredo, ORCHID and benchmarking among them
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("3fff::/20"),
}

var (
	// globalUnicast is all that IANA hands out to places on the Internet (RFC 4291, section 2.4).
	globalUnicast = netip.MustParsePrefix("2000::/3")
	// translated is the prefix under which a network reaches IPv4 addresses (RFC 6052, section 2.1).
	translated = netip.MustParsePrefix("64:ff9b::/96")
)

// isPublic reports whether an address is a place on the Internet. An IPv4 address that is written as an IPv6 one, or
// reached through a translator, is judged by itself.
func isPublic(addr netip.Addr) bool {
	if !addr.IsValid() {
		return false
	}
	addr = addr.Unmap()
	if translated.Contains(addr) {
		b := addr.As16()
		addr = netip.AddrFrom4([4]byte(b[12:]))
	}
	if addr.Is6() && !globalUnicast.Contains(addr) { // no prefix contains an address with a zone
		return false
	}
	return !within(special, addr)
}

func within(prefixes []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}
