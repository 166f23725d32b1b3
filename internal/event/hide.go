package event

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	// urls have addresses in path and query, such as those of Web Key Directories, and perhaps a password before the host.
	urls = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)(?:[^\s/"'<>@]*@)?([^\s/?#"'<>]*)([^\s"'<>]*)`)
	// mailboxes is generous: what stands around an "@" without a blank or bracket between.
	mailboxes = regexp.MustCompile(`(?:"[^"]*"|[^\s<>()"',;:\[\]@]+)(?:@|%40)(?:\[[^\s\]]*\]|[^\s<>()"',;:\[\]/?&=@\\]+)`)
	// digests of local parts (RFC 7929, section 3) can be tried out; those of S/MIME certificates are the same.
	digests = regexp.MustCompile(`[0-9a-fA-F]{56}\.(?i:_openpgpkey|_smimecert)`)
	// prints are fingerprints and key IDs, which some programs write with "0x" before them.
	prints = regexp.MustCompile(`\b(?:0[xX])?(?:[0-9A-Fa-f]{64}|[0-9A-Fa-f]{40}|[0-9A-F]{16})\b`)
)

// Text returns a text for people, such as an error, with tokens in the place of every address in it, and of the names that
// are known to be in the same event.
func (h *Hider) Text(text string, known ...string) string {
	text = urls.ReplaceAllStringFunc(text, func(u string) string {
		parts := urls.FindStringSubmatch(u)
		if parts[3] == "" || parts[3] == "/" {
			return parts[1] + parts[2] + parts[3]
		}
		return parts[1] + parts[2] + "/..."
	})
	text = digests.ReplaceAllStringFunc(text, func(name string) string { return "~..." + name[strings.IndexByte(name, '_'):] })
	text = mailboxes.ReplaceAllStringFunc(text, h.mailbox)
	text = prints.ReplaceAllStringFunc(text, func(print string) string {
		if len(print)%8 != 0 {
			print = print[len("0x"):]
		}
		return h.Fingerprint(print)
	})
	names := slices.Clone(known)
	slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) }) // whoever is part of another comes later
	for _, name := range names {
		text = replaceWord(text, name, h.Person(name))
		// Mail servers write "<alice>" of a mailbox of their own.
		if local, _, is := strings.Cut(name, "@"); is && len(local) >= shortestName {
			text = replaceWord(text, local, h.Person(name))
		}
	}
	return text
}

// shortestName is how long a local part alone is, in octets, that is taken for a name in a text.
const shortestName = 3

// mailbox returns what takes the place of a match. A file is named by its path, of which the folders stay.
func (h *Hider) mailbox(match string) string {
	path := ""
	if match[0] == '/' || strings.HasPrefix(match, "./") {
		at := strings.LastIndexByte(match[:strings.IndexAny(match, "@%")], '/') + 1
		path, match = match[:at], match[at:]
	}
	dot := ""
	for strings.HasSuffix(match, ".") {
		match, dot = match[:len(match)-1], dot+"."
	}
	return path + h.Person(strings.Replace(match, "%40", "@", 1)) + dot
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
