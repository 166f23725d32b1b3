package gate

import (
	"net/netip"
	"slices"

	"sealmilter/internal/mail"
)

// Origin is how a message came in.
type Origin uint8

const (
	// Undecided mail is not let through.
	Undecided Origin = iota
	// Authenticated mail comes from a client that has logged in.
	Authenticated
	// Trusted mail comes from a client that need not log in.
	Trusted
	// NonSMTP mail comes from a program on the MTA's own host: sendmail(1), cron.
	NonSMTP
	// Foreign mail is not ours: it is accepted untouched and never signed.
	Foreign
)

// String returns the origin in a word or two.
func (o Origin) String() string {
	switch o {
	case Authenticated:
		return "authenticated"
	case Trusted:
		return "trusted client"
	case NonSMTP:
		return "local program"
	case Foreign:
		return "foreign"
	default:
		return "undecided"
	}
}

// originOf decides by what the MTA says of the client. A client without an address that has not logged in could be
// anybody. A program on this host has the choice of all the host's addresses, and the MTA relays for each of them: they
// count as the address of loopback does.
func originOf(env *mail.Envelope, trust []netip.Prefix) Origin {
	switch {
	case env.Login != "":
		return Authenticated
	case env.NonSMTP:
		return NonSMTP
	case !env.Client.IsValid():
		return Undecided
	case contains(trust, env.Client), env.Local && contains(trust, loopbackLike(env.Client)):
		return Trusted
	default:
		return Foreign
	}
}

func contains(prefixes []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// loopbackLike returns the loopback address of the same family.
func loopbackLike(addr netip.Addr) netip.Addr {
	if addr.Is4() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}
