package mail

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Addr is a mailbox that has passed the grammar of RFC 5321, section 4.1.2, with the extensions of RFC 6531,
// section 3.3. The zero Addr is the null reverse-path "<>". Addr is comparable, but two spellings of one mailbox
// differ: compare [Addr.Key] to ask whether they mean the same one.
type Addr struct {
	text   string
	local  string
	domain string
}

// Limits of RFC 5321, section 4.5.3.1, in octets.
const (
	maxLocal  = 64
	maxDomain = 255
	maxPath   = 254
)

// ErrAddr is wrapped by every error of [ParseAddr] and [ParsePath].
var ErrAddr = errors.New("not a valid mail address")

// labels turns internationalised domains into A-labels (RFC 5891, section 5) and checks each label.
var labels = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true), idna.VerifyDNSLength(true))

// ParseAddr parses a mailbox, "local@domain" without angle brackets. The local part may be quoted, the domain an
// address literal. Errors wrap [ErrAddr] and say what is wrong.
func ParseAddr(s string) (Addr, error) {
	a, err := parse(s)
	if err != nil {
		return Addr{}, err
	}
	if a.domain == "" {
		return Addr{}, addrError(s, "it has no domain")
	}
	return a, nil
}

// ParsePath parses the argument of MAIL FROM or RCPT TO as an MTA hands it to a milter: with or without angle
// brackets, perhaps with a source route, which is ignored (RFC 5321, section 4.1.2). "<>" gives the zero Addr.
// A local part alone, such as "postmaster" or "root", is a mailbox of this host and has an empty domain.
func ParsePath(s string) (Addr, error) {
	path := s
	if strings.HasPrefix(path, "<") != strings.HasSuffix(path, ">") {
		return Addr{}, addrError(s, "its angle brackets do not match")
	}
	if strings.HasPrefix(path, "<") {
		path = path[1 : len(path)-1]
	}
	if path == "" {
		return Addr{}, nil
	}
	if strings.HasPrefix(path, "@") {
		_, mailbox, found := strings.Cut(path, ":")
		if !found {
			return Addr{}, addrError(s, "its source route does not end")
		}
		path = mailbox
	}
	return parse(path)
}

func parse(s string) (Addr, error) {
	switch {
	case s == "":
		return Addr{}, addrError(s, "it is empty")
	case len(s) > maxPath:
		return Addr{}, addrError(s, fmt.Sprintf("it is longer than %d octets", maxPath))
	case !utf8.ValidString(s):
		return Addr{}, addrError(s, "it is not valid UTF-8")
	}
	local, rest, err := splitLocal(s)
	if err != nil {
		return Addr{}, err
	}
	if len(local) > maxLocal {
		return Addr{}, addrError(s, fmt.Sprintf("its local part is longer than %d octets", maxLocal))
	}
	if rest == "" {
		return Addr{text: s, local: local}, nil
	}
	domain, err := parseDomain(rest[1:])
	if err != nil {
		return Addr{}, addrError(s, err.Error())
	}
	return Addr{text: s, local: local, domain: domain}, nil
}

// splitLocal returns the local part without its quoting, and what follows: "" or "@domain".
func splitLocal(s string) (local, rest string, err error) {
	if s[0] != '"' {
		at := strings.IndexByte(s, '@')
		if at < 0 {
			at = len(s)
		}
		local, rest = s[:at], s[at:]
		if !isDotString(local) {
			return "", "", addrError(s, "its local part has a character that must be quoted, or a misplaced dot")
		}
		return local, rest, nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			rest = s[i+1:]
			if rest != "" && rest[0] != '@' {
				return "", "", addrError(s, "text follows its quoted local part")
			}
			if b.Len() == 0 {
				return "", "", addrError(s, "its local part is empty")
			}
			return b.String(), rest, nil
		case c < ' ' || c == 0x7f:
			return "", "", addrError(s, "it has a control character")
		case c == '\\':
			i++
			if i == len(s) || s[i] < ' ' || s[i] >= 0x7f {
				return "", "", addrError(s, "a backslash in its local part quotes nothing")
			}
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", addrError(s, "its quoted local part does not end")
}

// isDotString reports whether s is a Dot-string: atoms joined by single dots.
func isDotString(s string) bool {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" {
			return false
		}
		for i := range len(atom) {
			if c := atom[i]; c <= ' ' || c == 0x7f || strings.IndexByte(`()<>[]:;@\,"`, c) >= 0 {
				return false
			}
		}
	}
	return true
}

// parseDomain returns the lower-case A-label form, or the address literal as written.
func parseDomain(s string) (string, error) {
	switch {
	case s == "":
		return "", errors.New("it has no domain after the @")
	case len(s) > maxDomain:
		return "", fmt.Errorf("its domain is longer than %d octets", maxDomain)
	case s[0] == '[':
		return parseLiteral(s)
	}
	domain, err := labels.ToASCII(s)
	if err != nil || strings.HasSuffix(domain, ".") {
		return "", errors.New("its domain is not a host name")
	}
	return domain, nil
}

func parseLiteral(s string) (string, error) {
	bad := errors.New("its domain is not an address literal")
	if len(s) < 3 || s[len(s)-1] != ']' {
		return "", bad
	}
	inner := s[1 : len(s)-1]
	tag, rest, tagged := strings.Cut(inner, ":")
	if tagged && strings.EqualFold(tag, "IPv6") {
		if ip, err := netip.ParseAddr(rest); err != nil || !ip.Is6() || ip.Zone() != "" {
			return "", bad
		}
		return "[IPv6:" + rest + "]", nil
	}
	if ip, err := netip.ParseAddr(inner); err != nil || !ip.Is4() {
		return "", bad
	}
	return s, nil
}

func addrError(s, why string) error {
	const most = 80
	if len(s) > most {
		s = s[:most] + "..."
	}
	return fmt.Errorf("%w: %q: %s", ErrAddr, s, why)
}

// String returns the mailbox as it was written, without angle brackets and source route; "" for the zero Addr.
func (a Addr) String() string { return a.text }

// IsNull reports whether a is the null reverse-path.
func (a Addr) IsNull() bool { return a == Addr{} }

// Local returns the local part without its quoting, in the case it was written in.
func (a Addr) Local() string { return a.local }

// Domain returns the domain as lower-case A-labels, an address literal in brackets, or "" for a mailbox of this
// host.
func (a Addr) Domain() string { return a.domain }

// At returns the mailbox with the same local part in another domain. Errors wrap [ErrAddr].
func (a Addr) At(domain string) (Addr, error) { return ParseAddr(quoted(a.local) + "@" + domain) }

// IsLiteral reports whether the domain is an address literal. No key service is ever asked about one.
func (a Addr) IsLiteral() bool { return strings.HasPrefix(a.domain, "[") }

// IsASCII reports whether the mailbox can travel without the SMTPUTF8 extension (RFC 6531, section 3.2).
func (a Addr) IsASCII() bool {
	for i := range len(a.text) {
		if a.text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// Key returns the form under which certificates, rules and logins are looked up: the local part without needless
// quoting and with ASCII letters in lower case, the domain as lower-case A-labels. In principle local parts are
// case-sensitive (RFC 5321, section 2.4), in practice no two users differ by case alone, and RFC 9788, section
// 4.4.5, compares them this way. What goes to the MTA is never rewritten to it.
func (a Addr) Key() string {
	if a.IsNull() {
		return ""
	}
	local := quoted(lowerASCII(a.local))
	if a.domain == "" {
		return local
	}
	return local + "@" + a.domain
}

// quoted returns the local part with quotes if it needs them.
func quoted(local string) string {
	if isDotString(local) {
		return local
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(local) + `"`
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + ('a' - 'A')
		}
		return r
	}, s)
}
