package keys

import (
	"strings"

	"sealmilter/internal/mail"
)

// forms returns the addresses under which a key for addr may be known: addr itself and, for "user+tag@domain", the
// mailbox without its tag (RFC 5233, section 4).
func forms(addr mail.Addr) []mail.Addr {
	user, _, tagged := strings.Cut(addr.Local(), "+")
	if !tagged || user == "" {
		return []mail.Addr{addr}
	}
	text := user
	if addr.Domain() != "" {
		text += "@" + addr.Domain()
	}
	base, err := mail.ParsePath(text)
	if err != nil || base.Local() != user {
		// Without its quotes the local part means something else.
		return []mail.Addr{addr}
	}
	return []mail.Addr{addr, base}
}
