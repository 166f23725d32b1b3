package event

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"sealmilter/internal/mail"
)

// unknown takes the place of what may tell of an address in a form that no token can be made from.
const unknown = "~..."

var (
	// urls have addresses in path and query, such as those of Web Key Directories, and perhaps a password before the host.
	urls = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)(?:[^\s/"<>@]*@)?([^\s/?#"'<>]*)([^\s"<>]*)`)
	// queries are those of a URL without its beginning.
	queries = regexp.MustCompile(`([?&][A-Za-z_-]+=)[^&\s"<>]+`)
	// invalid is what an address that is none is quoted with; it may have been cut.
	invalid = regexp.MustCompile(`(` + regexp.QuoteMeta(mail.ErrAddr.Error()) + `: )"(?:[^"\\]|\\.)*"`)
	// filters are those of LDAP (RFC 4515), and names attributes in distinguished names (RFC 4514) that may be somebody's.
	filters       = regexp.MustCompile(`(\([A-Za-z0-9][A-Za-z0-9;.:-]*[~<>]?=)[^()"]+(\))`)
	quotedFilters = regexp.MustCompile(`(\([A-Za-z0-9][A-Za-z0-9;.:-]*[~<>]?=)[^()]+(\))`)
	names         = regexp.MustCompile(`(?i)((?:^|[\s,+:])(?:uid|cn|sn|gn|givenName|displayName|mail|userid|userPrincipalName|sAMAccountName|pgpUserID)=)(?:[^\\,+;"]|\\[^"])+`)
	// digests of local parts (RFC 7929, section 3) can be tried out; those of S/MIME certificates are the same.
	digests = regexp.MustCompile(`\b[0-9a-fA-F]{56}(?:\.(?i:(_openpgpkey|_smimecert))|\b)`)
	// webKeys are the names of files in Web Key Directories: SHA-1 of a local part in z-base-32 (RFC 6189, section 5.1.6).
	webKeys = regexp.MustCompile(`\b[ybndrfg8ejkmcpqxot1uwisza345h769]{32}\b`)
	// prints are fingerprints and key IDs, which some programs write with "0x" before them.
	prints = regexp.MustCompile(`\b(?:(?:0[xX])?(?:[0-9A-Fa-f]{64}|[0-9A-Fa-f]{40}|[0-9A-Fa-f]{16})|0[xX][0-9A-Fa-f]{8})\b`)
)

// Text returns a text for people, such as an error, with tokens in the place of every address in it, and of the names that
// are known to be in the same event. Where no token can be made, such as of a digest of an address, it says "~...".
func (h *Hider) Text(text string, known ...string) string {
	for _, name := range known {
		// Of the local part alone, something could be taken for what is looked for below, and the rest stay.
		if a, err := mail.ParsePath(name); err == nil && strings.ContainsAny(a.Local(), "@%:=?&(") && len(a.Local()) >= shortestName {
			for _, form := range written(a.Local()) {
				text = replaceWord(text, form, unknown)
			}
		}
	}
	text = filters.ReplaceAllString(text, "${1}"+unknown+"${2}")
	text = urls.ReplaceAllStringFunc(text, func(u string) string {
		parts := urls.FindStringSubmatch(u)
		if parts[3] == "" || parts[3] == "/" {
			return parts[1] + parts[2] + parts[3]
		}
		return parts[1] + parts[2] + "/..."
	})
	text = invalid.ReplaceAllString(text, `${1}"`+unknown+`"`)
	text = digests.ReplaceAllString(text, unknown+"${1}")
	text = webKeys.ReplaceAllString(text, unknown)
	text = h.mailboxes(text)
	text = quotedFilters.ReplaceAllString(text, "${1}"+unknown+"${2}")
	text = names.ReplaceAllString(text, "${1}"+unknown)
	text = queries.ReplaceAllString(text, "${1}"+unknown)
	text = prints.ReplaceAllStringFunc(text, func(print string) string {
		if len(print)%8 != 0 {
			print = print[len("0x"):]
		}
		return h.Fingerprint(print)
	})
	people := slices.Clone(known)
	slices.SortFunc(people, func(a, b string) int { return len(b) - len(a) }) // whoever is part of another comes later
	for _, name := range people {
		for _, form := range forms(name) {
			text = replaceWord(text, form, h.Person(name))
		}
	}
	return text
}

// shortestName is how long a local part alone is, in octets, that is taken for a name in a text.
const shortestName = 3

// forms returns how a text may name somebody: by address or login, or by the local part alone, for mail servers write
// "<alice>" of a mailbox of their own.
func forms(name string) []string {
	all := []string{name}
	if a, err := mail.ParsePath(name); err == nil && len(a.Local()) >= shortestName {
		all = append(all, a.Local())
	}
	if local, _, is := cutLast(name, "@"); is && len(local) >= shortestName {
		all = append(all, local)
	}
	for _, plain := range slices.Clone(all) {
		all = append(all, written(plain)...)
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(all)
}

// written returns how a name is written: as it is, and in URLs, quotes and LDAP filters.
func written(name string) []string {
	quoted := strconv.Quote(name)
	return []string{name, url.QueryEscape(name), url.PathEscape(name), quoted[1 : len(quoted)-1], filterEscape(name)}
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// filterEscape returns a value as it stands in a filter (RFC 4515, section 3).
func filterEscape(value string) string {
	var b strings.Builder
	for i := range len(value) {
		if c := value[i]; c >= 0x80 || strings.IndexByte("\x00()*\\", c) >= 0 {
			b.WriteByte('\\')
			b.WriteString(strconv.FormatUint(uint64(c)+0x100, 16)[1:])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// replaceWord replaces a name where it is not part of a longer word, whatever its case. Of a token nothing is replaced.
func replaceWord(text, name, token string) string {
	if name == "" {
		return text
	}
	var b strings.Builder
	for at := 0; at < len(text); {
		if at+len(name) <= len(text) && strings.EqualFold(text[at:at+len(name)], name) && !joins(text[:at], text[at+len(name):]) {
			b.WriteString(token)
			at += len(name)
			continue
		}
		_, size := utf8.DecodeRuneInString(text[at:])
		b.WriteString(text[at : at+size])
		at += size
	}
	return b.String()
}

// joins reports whether what stands between before and after is part of a word, or of a token.
func joins(before, after string) bool {
	last, _ := utf8.DecodeLastRuneInString(before)
	first, _ := utf8.DecodeRuneInString(after)
	inWord := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	return before != "" && (inWord(last) || last == '~') || after != "" && inWord(first)
}
