package pgpmime

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// isUnequivocal reports whether all readers take the header of an entity for the same: no field that tells what the body
// is comes twice, and no parameter of it twice or in a way that some read differently.
func (e *entity) isUnequivocal() bool {
	if len(e.header.All("Content-Type")) > 1 || len(e.header.All("Content-Transfer-Encoding")) > 1 {
		return false
	}
	seen := map[string]bool{}
	for _, p := range e.media.list {
		name, _, pieces := strings.Cut(p.name, "*")
		if !slices.Contains([]string{"boundary", "charset", "protocol", "smime-type"}, name) {
			continue
		}
		if pieces || seen[name] || !isPlainValue(p.raw) {
			return false
		}
		seen[name] = true
	}
	return e.number == "" || e.hasBodyFieldsOnly()
}

// isPlainValue reports whether the value of a raw parameter is one quoted string without escapes, or one word.
func isPlainValue(raw string) bool {
	_, value, _ := strings.Cut(raw, "=")
	value = strings.TrimSpace(value)
	if quoted, ok := strings.CutPrefix(value, `"`); ok {
		text, ended := strings.CutSuffix(quoted, `"`)
		return ended && !strings.ContainsAny(text, "\"\\\r\n")
	}
	return !strings.ContainsAny(value, " \t\r\n\"\\()<>")
}

// maxBodyField is how long a field about a part can be without being a text of its own, in octets.
const maxBodyField = 2000

// hasBodyFieldsOnly reports whether the header of a part has nothing but what tells of its body. Other fields mean nothing
// there (RFC 2045, section 9), so they could only be text that somebody has taken for a header.
func (e *entity) hasBodyFieldsOnly() bool {
	for _, f := range e.header {
		name := strings.ToLower(f.Name)
		known := strings.HasPrefix(name, "content-") ||
			slices.Contains([]string{"mime-version", "x-attachment-id", "x-universally-unique-identifier"}, name)
		if !known || len(f.Value) > maxBodyField {
			return false
		}
	}
	return true
}

// preambles are what programs write for readers without MIME, with white space as single spaces: Thunderbird and others
// before a multipart/encrypted, most before other multiparts.
var preambles = regexp.MustCompile(`^(?i:` + strings.Join([]string{
	`This is an OpenPGP/MIME encrypted message( \(RFC (1991|2400|2440|3156|4880|9580)( and (1847|2015|3156))?\))?\.?`,
	`This is a multi-?part message in MIME format\.*`,
	`This is a MIME(-| )(encapsulated|formatted) (multipart )?message\.?`,
	`This message is in MIME format\.?`,
}, "|") + `)$`)

// isPreamble reports whether the text before the first part says nothing of the message.
func isPreamble(text []byte) bool {
	const longest = 200 // octets
	words := bytes.Fields(text)
	return len(words) == 0 || len(text) <= longest && preambles.Match(bytes.Join(words, []byte(" ")))
}
