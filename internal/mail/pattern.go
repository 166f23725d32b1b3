package mail

import (
	"fmt"
	"strings"
)

// Pattern matches addresses in rules: an address, "@domain", or a glob in which "*" stands for any characters but
// "@" and "?" for one of them. "*" alone matches every address, this host's bare mailboxes included. Case and the
// spelling of international domains do not count.
type Pattern struct{ text string }

// ParsePattern checks the form of a pattern.
func ParsePattern(s string) (Pattern, error) {
	text := lowerASCII(strings.TrimSpace(s))
	if text == "*" || !strings.ContainsAny(text, "@*?") && text != "" {
		return Pattern{text}, nil
	}
	local, domain, found := strings.Cut(text, "@")
	if strings.HasPrefix(text, `"`) || !strings.ContainsAny(text, "*?") && local != "" {
		a, err := ParseAddr(text)
		if err != nil {
			return Pattern{}, err
		}
		return Pattern{a.Key()}, nil
	}
	if !found || domain == "" || strings.Contains(domain, "@") {
		return Pattern{}, fmt.Errorf("%q is not an address, @domain or glob such as *@example.org", s)
	}
	if local == "" {
		local = "*"
	}
	if !strings.ContainsAny(domain, "*?") {
		a, err := ParseAddr("x@" + domain)
		if err != nil {
			return Pattern{}, fmt.Errorf("%q: %q is not a domain", s, domain)
		}
		domain = a.Domain()
	}
	return Pattern{local + "@" + domain}, nil
}

// String returns the pattern in its normal form.
func (p Pattern) String() string { return p.text }

// Match reports whether the pattern covers the address. The null sender is covered by no pattern but "*".
func (p Pattern) Match(a Addr) bool {
	if p.text == "*" {
		return true
	}
	return p.text != "" && !a.IsNull() && glob(p.text, a.Key())
}

// UnmarshalText lets patterns stand in a configuration file.
func (p *Pattern) UnmarshalText(b []byte) error {
	parsed, err := ParsePattern(string(b))
	if err == nil {
		*p = parsed
	}
	return err
}

// glob matches with one point of return, so its time is at most the product of the two lengths.
func glob(pattern, s string) bool {
	p, i := 0, 0
	star, mark := -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == s[i] || pattern[p] == '?' && s[i] != '@'):
			p++
			i++
		case star >= 0 && s[mark] != '@':
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
