package pgpmime

import (
	"io"
	"mime"
	netmail "net/mail"
	"strings"
	"time"

	"sealmilter/internal/mail"
)

// shy returns a field without display names and without the author's time zone, and whether there is anything left of it
// (RFC 9788, section 3.2.2). The standard has From, To, Cc and Date so; the other fields with addresses would give away
// the same names.
func shy(f mail.Field) (mail.Field, bool) {
	switch strings.TrimPrefix(strings.ToLower(f.Name), "resent-") {
	case "date":
		if date, ok := inUTC(f.Text()); ok {
			f.Value = " " + date
		}
		return f, true
	case "from":
		// A message has to have it, so it stays if it cannot be read. Its addresses are those inside (section 3.1.1).
		if addrs, ok := bareAddresses(f); ok && len(addrs) > 0 {
			f.Value = joined(f.Name, addrs)
		}
		return f, true
	case "sender", "reply-to", "to", "cc", "mail-reply-to", "mail-followup-to", "followup-to", "errors-to",
		"return-receipt-to", "disposition-notification-to":
		addrs, ok := bareAddresses(f)
		switch {
		case !ok:
			return f, false
		case len(addrs) == 0: // a group without members, whose name is one, too
			f.Value = " undisclosed-recipients:;"
		default:
			f.Value = joined(f.Name, addrs)
		}
	}
	return f, true
}

// bareAddresses returns the addresses of a list, those in groups with the others, and false if it cannot be read.
func bareAddresses(f mail.Field) ([]string, bool) {
	anyCharset := func(string, io.Reader) (io.Reader, error) { return strings.NewReader("name"), nil }
	parser := netmail.AddressParser{WordDecoder: &mime.WordDecoder{CharsetReader: anyCharset}}
	list, err := parser.ParseList(strings.ToValidUTF8(f.Text(), "?"))
	if err != nil {
		return nil, false
	}
	var addrs []string
	for _, entry := range list {
		addrs = append(addrs, bareAddress(entry.Address))
	}
	return addrs, true
}

// bareAddress writes an address that the standard library has read, with its domain in US-ASCII: the domain is the same to
// everybody who compares (RFC 9788, section 4.4.5), and the local part has no such form.
func bareAddress(spec string) string {
	quoted := strings.Trim((&netmail.Address{Address: spec}).String(), "<>")
	at := strings.LastIndexByte(quoted, '@')
	if domain := quoted[at+1:]; !is7bit(domain) {
		if addr, err := mail.ParseAddr(quoted); err == nil {
			return quoted[:at+1] + addr.Domain()
		}
	}
	return quoted
}

// joined folds a list of addresses.
func joined(name string, addrs []string) string {
	return fold(name, " "+strings.Join(addrs, ", "))
}

// offsetOf returns the offset of an obsolete zone that has one (RFC 5322, section 4.3): the library takes it for UTC.
// Any other zone is returned as it is.
func offsetOf(zone string) string {
	switch strings.ToUpper(zone) {
	case "EDT":
		return "-0400"
	case "EST", "CDT":
		return "-0500"
	case "CST", "MDT":
		return "-0600"
	case "MST", "PDT":
		return "-0700"
	case "PST":
		return "-0800"
	}
	return zone
}

// inUTC returns the same instant in UTC, and false if it cannot be read.
func inUTC(date string) (string, bool) {
	if end := strings.IndexByte(date, '('); end >= 0 {
		date = date[:end] // a comment, which names the zone as a rule
	}
	words := strings.Fields(date)
	if len(words) == 0 {
		return "", false
	}
	last := len(words) - 1
	words[last] = offsetOf(words[last])
	t, err := netmail.ParseDate(strings.Join(words, " "))
	if err != nil {
		return "", false
	}
	return t.UTC().Format(time.RFC1123Z), true
}
