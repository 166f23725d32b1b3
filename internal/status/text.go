package status

import (
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"
	"unicode"

	"sealmilter/keys"
)

// functions are what the pages make texts with.
var functions = template.FuncMap{
	"clean":  clean,
	"groups": groups,
	"date":   date,
	"minute": minute,
	"level":  levelWords,
	"source": sourceWords,
	"link":   link,
}

// maxText bounds a text that somebody else has chosen, in characters.
const maxText = 200

// clean makes a text of a certificate one that shows as it is: characters that show nothing, or turn the direction of what
// stands beside them, are replaced. Escaping is left to the templates.
func clean(text string) string {
	n := 0
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(text, "\ufffd") {
		if n++; n > maxText {
			b.WriteString("…")
			break
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
			r = '\ufffd'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// groups cuts a fingerprint into pieces of four, in which people compare it.
func groups(fingerprint string) []string {
	var all []string
	for len(fingerprint) > 4 {
		all, fingerprint = append(all, fingerprint[:4]), fingerprint[4:]
	}
	return append(all, fingerprint)
}

func date(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") + " UTC" }

// levelWords says what a level of trust means.
func levelWords(l keys.Level) string {
	switch l {
	case keys.Fingerprint:
		return "its fingerprint was confirmed"
	case keys.KnownKey:
		return "an administrator has imported it"
	case keys.ProviderEndorsement:
		return "a directory of your choice has it"
	case keys.ProviderTrust:
		return "the address's own domain publishes it"
	case keys.WeakChain:
		return "a key server has it, which proves little"
	default:
		return "believed as " + l.String()
	}
}

// sourceWords names a source for people.
func sourceWords(source string) string {
	switch source {
	case "local":
		return "imported"
	case "wkd":
		return "Web Key Directory (wkd)"
	case "dane":
		return "DNS (dane)"
	case "vks", "hkp":
		return "key server (" + source + ")"
	case "ldap":
		return "directory (ldap)"
	default:
		return source
	}
}

// link returns the path of a page with one parameter.
func link(page, name, value string) string {
	return Root + page + "?" + url.Values{name: {value}}.Encode()
}

// lasted says how long ago something was, in the largest unit that fits.
func lasted(d time.Duration) string {
	for _, unit := range []struct {
		length time.Duration
		name   string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		switch n := int(d / unit.length); {
		case n == 1:
			return "1 " + unit.name
		case n > 1:
			return fmt.Sprintf("%d %ss", n, unit.name)
		}
	}
	return "less than a minute"
}
