package corpus

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// span is a stretch of a text.
type span struct{ start, end int }

// lineFaults returns what RFC 3156, section 3, does not allow in lines that are to be signed or travel. Lines in soft
// may end in blanks and begin with "From ", and those in wide may have octets above 127.
func lineFaults(text []byte, soft, wide []span) []string {
	var faults []string
	fault := func(at int, format string, args ...any) {
		if len(faults) < 3 {
			faults = append(faults, fmt.Sprintf("%s at octet %d, in %q", fmt.Sprintf(format, args...), at, text[at:min(len(text), at+60)]))
		}
	}
	within := func(spans []span, at int) bool {
		return slices.ContainsFunc(spans, func(s span) bool { return s.start <= at && at < s.end })
	}
	for at := 0; at < len(text); {
		next := lineAfter(text, at, len(text))
		line, ended := bytes.CutSuffix(text[at:next], []byte("\r\n"))
		switch {
		case bytes.ContainsAny(line, "\r\n\x00"):
			fault(at, "a NUL, a bare CR or a bare LF")
		case len(line) > 998:
			fault(at, "a line of %d octets", len(line))
		case !ended && next < len(text):
			fault(at, "a line without CRLF")
		case slices.ContainsFunc(line, func(c byte) bool { return c >= 0x80 }) && !within(wide, at):
			fault(at, "an 8-bit octet")
		case within(soft, at):
		case bytes.HasSuffix(line, []byte(" ")) || bytes.HasSuffix(line, []byte("\t")):
			fault(at, "a blank at the end of a line")
		case bytes.HasPrefix(line, []byte("From ")):
			fault(at, "a line that begins with From")
		}
		at = next
	}
	return faults
}

// untouchable returns the spans of a payload in which nothing may change, because it is signed or encrypted itself or in an
// encoding that nobody knows.
func (e *entity) untouchable() []span {
	typ := e.mediaType()
	if e.sealed || e.decoding() == foreignEncoding || typ == "message/partial" || typ == "message/external-body" || typ == "message/global" {
		return []span{{e.start, e.end}}
	}
	var all []span
	for _, part := range e.parts {
		all = append(all, part.untouchable()...)
	}
	return all
}

// addressLines returns the spans of the fields that may have addresses with octets above 127 (RFC 6532).
func (e *entity) addressLines() []span {
	var all []span
	wide := false
	for at := e.start; at < e.body; {
		next := lineAfter(e.text, at, e.body)
		if c := e.text[at]; c != ' ' && c != '\t' {
			name, _, _ := strings.Cut(strings.ToLower(string(e.text[at:next])), ":")
			switch strings.TrimPrefix(name, "resent-") {
			case "from", "sender", "reply-to", "to", "cc", "hp-outer", "message-id", "in-reply-to", "references", "autocrypt-gossip",
				"autocrypt", "disposition-notification-to", "return-receipt-to", "errors-to", "mail-followup-to", "mail-reply-to":
				wide = true
			default:
				wide = strings.HasPrefix(name, "list-") || outsideOnly(name)
			}
		}
		if wide {
			all = append(all, span{at, next})
		}
		at = next
	}
	return all
}

// outsideOnly are fields of the transport, which stay outside as they came.
func outsideOnly(name string) bool {
	switch name {
	case "received", "received-spf", "authentication-results", "delivered-to", "x-original-to", "archived-at", "autocrypt", "openpgp":
		return true
	}
	return strings.HasPrefix(name, "resent-")
}

// container is a composed message, cut as its reader has to.
type container struct {
	root     *entity
	header   []byte // with the empty line
	boundary string
	parts    [2][]byte
}

// openContainer cuts a multipart/signed or multipart/encrypted message (RFC 3156) and says what is wrong with it.
func openContainer(text []byte, typ string) (c container, faults []string) {
	c.root = readEntity(text)
	c.header = text[:c.root.body]
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	for _, name := range []string{"MIME-Version", "Content-Type", "Content-Transfer-Encoding"} {
		n := 0
		for _, f := range c.root.header {
			if strings.EqualFold(f.name, name) {
				n++
			}
		}
		if n != 1 {
			fault("%d fields %s outside", n, name)
		}
	}
	if got := c.root.mediaType(); got != typ {
		fault("the type is %s", got)
	}
	if v := c.root.get("Content-Transfer-Encoding"); v != "7bit" {
		fault("the encoding outside is %q", v)
	}
	if v := c.root.get("MIME-Version"); v != "1.0" {
		fault("the MIME-Version is %q", v)
	}
	for _, f := range c.root.header {
		if name := strings.ToLower(f.name); strings.HasPrefix(name, "content-") && name != "content-type" && name != "content-transfer-encoding" {
			fault("%s is outside", f.name)
		}
	}
	c.boundary = contentParameter(c.root.get("Content-Type"), "boundary")
	pieces := bytes.Split(append([]byte("\r\n"), text[c.root.body:]...), []byte("\r\n--"+c.boundary))
	if len(pieces) != 4 || len(pieces[0]) > 0 || string(pieces[3]) != "--\r\n" ||
		!bytes.HasPrefix(pieces[1], []byte("\r\n")) || !bytes.HasPrefix(pieces[2], []byte("\r\n")) {
		fault("it does not have exactly two parts between three delimiters")
		return c, faults
	}
	c.parts = [2][]byte{pieces[1][2:], pieces[2][2:]}
	if n := bytes.Count(text[c.root.body:], []byte(c.boundary)); n != 3 {
		fault("the boundary occurs %d times", n)
	}
	first := readEntity(c.parts[0])
	soft, wide := c.asSeenOutside(first.untouchable()), c.asSeenOutside(first.addressLines())
	return c, append(faults, lineFaults(text[c.root.body:], soft, wide)...)
}

// asSeenOutside shifts spans of the first part to where they are in the body.
func (c container) asSeenOutside(spans []span) []span {
	shift := len("--") + len(c.boundary) + len("\r\n")
	for i := range spans {
		spans[i].start += shift
		spans[i].end += shift
	}
	return spans
}
