package keys

import (
	"slices"
	"strings"

	"sealmilter/internal/mail"
)

// forms returns the addresses under which a key for addr may be known, the best first: addr itself and, for
// "user+tag@domain", the mailbox without its tag (RFC 5233, section 4); each as it is mapped.
func (m Mapping) forms(addr mail.Addr) []mail.Addr {
	all := []mail.Addr{m.target(addr)}
	user, _, tagged := strings.Cut(addr.Local(), "+")
	if !tagged || user == "" {
		return all
	}
	text := user
	if addr.Domain() != "" {
		text += "@" + addr.Domain()
	}
	base, err := mail.ParsePath(text)
	if err != nil || base.Local() != user {
		// Without its quotes the local part means something else.
		return all
	}
	if base = m.target(base); !slices.ContainsFunc(all, func(a mail.Addr) bool { return a.Key() == base.Key() }) {
		all = append(all, base)
	}
	return all
}
