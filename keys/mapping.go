package keys

import (
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
