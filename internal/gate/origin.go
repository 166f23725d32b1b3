package gate

import (
	"net/netip"

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
// anybody.
func originOf(env *mail.Envelope, trust []netip.Prefix) Origin {
	switch {
	case env.Login != "":
		return Authenticated
	case env.NonSMTP:
		return NonSMTP
	case !env.Client.IsValid():
		return Undecided
	}
	for _, prefix := range trust {
		if prefix.Contains(env.Client) {
			return Trusted
		}
	}
	return Foreign
}
