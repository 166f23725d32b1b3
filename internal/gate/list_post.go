package gate

import (
	"net/url"
	"strings"

	"sealmilter/internal/mail"
)

// mailtoAddress returns the address of the list in the text of a List-Post field: that of the first mailto URL in angle
// brackets (RFC 2369, sections 2 and 3.4; RFC 6068). "NO" names none.
func mailtoAddress(listPost string) (mail.Addr, bool) {
	_, rest, _ := strings.Cut(listPost, "<")
	for part := range strings.SplitSeq(rest, "<") {
		link, _, closed := strings.Cut(part, ">")
		u, err := url.Parse(strings.TrimSpace(link))
		if !closed || err != nil || !strings.EqualFold(u.Scheme, "mailto") {
			continue
		}
		text, err := url.PathUnescape(u.Opaque)
		if err != nil {
			continue
		}
		addr, err := mail.ParseAddr(text)
		return addr, err == nil
	}
	return mail.Addr{}, false
}
