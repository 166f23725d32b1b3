package keys

import (
	"slices"
	"strings"

	"sealmilter/internal/mail"
)

// Mapping says under which other address the keys of some addresses are found. It leads from an address, in the form
// of [mail.Addr.Key], or from "@domain" to an address or to "@domain", which stands for the same local part there.
// Domains are lower-case A-labels. What an address leads to is not mapped again.
type Mapping map[string]string

// target returns the address under which the key of addr is found.
func (m Mapping) target(addr mail.Addr) mail.Addr {
	to, mapped := m[addr.Key()]
	if !mapped {
		if to, mapped = m["@"+addr.Domain()]; !mapped {
			return addr
		}
	}
	target, err := mail.ParseAddr(to)
	if domain, whole := strings.CutPrefix(to, "@"); whole {
		target, err = addr.At(domain)
	}
	if err != nil {
		return addr
	}
	return target
}

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
