package crypto

import (
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"

	"sealmilter/internal/mail"
)

// Addrs returns the addresses of the User IDs that carry a valid self-signature and are not revoked.
func (c *Cert) Addrs() []mail.Addr { return slices.Clone(c.addrs) }

// UserIDs returns the User IDs that carry a valid self-signature and are not revoked, for people: what does not
// print is replaced.
func (c *Cert) UserIDs() []string { return slices.Clone(c.userIDs) }

func (c *Cert) readUserIDs(packets []rawPacket) {
	for _, p := range packets {
		id, known := c.entity.Identities[string(p.body)]
		if p.tag != tagUserID || !known {
			continue
		}
		if _, err := id.Verify(time.Time{}, policy()); err != nil {
			continue
		}
		if shown := printable(id.Name); !slices.Contains(c.userIDs, shown) {
			c.userIDs = append(c.userIDs, shown)
		}
		if addr, err := userIDAddr(id.Name); err == nil && !slices.Contains(c.addrs, addr) {
			c.addrs = append(c.addrs, addr)
		}
	}
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// userIDAddr returns the one address of a User ID, which is either a name-addr or a bare addr-spec by convention
// (RFC 9580, section 5.11). A display name may hold anything but angle brackets and control characters.
func userIDAddr(id string) (mail.Addr, error) {
	if strings.ContainsFunc(id, unicode.IsControl) || strings.ContainsRune(id, unicode.ReplacementChar) {
		return mail.Addr{}, errors.New("a User ID with control characters or not in UTF-8 names no address")
	}
	_, rest, named := strings.Cut(id, "<")
	if !named {
		return mail.ParseAddr(id)
	}
	spec, after, closed := strings.Cut(rest, ">")
	if !closed || after != "" {
		return mail.Addr{}, errors.New("the angle brackets of the User ID do not match")
	}
	return mail.ParseAddr(spec)
}
