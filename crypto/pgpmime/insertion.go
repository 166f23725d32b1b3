package pgpmime

import (
	"bytes"
	"encoding/base64"
)

// insertion is octets on their way into the body of a leaf. They begin and end at the ends of lines, or at those of the
// body.
type insertion struct {
	// from and to enclose what they replace of the body as it is encoded.
	from, to int
	octets   []byte
}

// maxOpening is how many octets of a document may stand before its body.
const maxOpening = 256 << 10

// insert makes octets part of the content, at an offset of at most maxOpening, and chooses the rendering. They are asked for
// with some blanks that mean nothing, so that they can have the size that base64 needs in front of something. It reports
// false if that is not possible.
func (e *entity) insert(at int, make func(padding string) ([]byte, bool)) bool {
	octets, ok := make("")
	if !ok {
		return false
	}
	switch {
	case e.encoding == base64Encoding:
		return e.insertBase64(at, make)
	case e.encoding == quotedPrintable:
		_, at, ok = e.decodeOpening(at)
		e.rendering = repaired
	case !e.identity:
		return false
	case e.rendering == verbatim && (lineFaults(octets) != 0 || isFromLine(e.body[at:])):
		e.rendering = quotedText
		e.setEncoding(quotedPrintable)
	}
	e.insertion = &insertion{from: at, to: at, octets: octets}
	return ok
}

// insertBase64 has what comes before the octets encoded with them. What follows stays as it is encoded.
func (e *entity) insertBase64(at int, make func(padding string) ([]byte, bool)) bool {
	before, end, ok := e.decodeOpening(at)
	if !ok {
		return false
	}
	for _, padding := range []string{"", " ", "  "} {
		octets, ok := make(padding)
		if !ok {
			return false
		}
		octets = bytes.Join([][]byte{before[:at], octets, before[at:]}, nil)
		if len(octets)%3 == 0 {
			e.insertion = &insertion{to: end, octets: octets}
			e.rendering = rewrapped
			return true
		}
	}
	return false
}

// renderInserted is renderBody for a leaf with an insertion.
func (e *entity) renderInserted(r *rendered) {
	before, octets, after := e.body[:e.insertion.from], e.insertion.octets, e.body[e.insertion.to:]
	switch e.rendering {
	case verbatim:
		r.crlf(before)
		r.text(string(octets))
		r.crlf(after)
	case quotedText:
		r.form(quoted(before))
		r.form(quoted(octets))
		r.form(quoted(after))
	case repaired:
		r.form(requoted(before))
		r.form(quoted(octets))
		r.form(requoted(after))
	case rewrapped:
		r.form(rewrappedBase64(base64.StdEncoding.AppendEncode(nil, octets), after))
	default:
		r.form(textInBase64(before, octets, after))
	}
}

// decodeOpening decodes the first octets of a leaf, as many as are asked for or up to two more, and returns where in
// the body they end. It reports false if they cannot be decoded.
func (e *entity) decodeOpening(most int) (octets []byte, end int, ok bool) {
	switch {
	case e.encoding == quotedPrintable:
		octets, end = decodeQuoted(e.body, most)
		return octets, end, true
	case e.encoding == base64Encoding:
		return decodeBase64(e.body, most)
	case e.identity:
		end = min(most, len(e.body))
		return e.body[:end], end, true
	}
	return nil, 0, false
}

// decodeQuoted reads quoted-printable as [requoted] does.
func decodeQuoted(b []byte, most int) (octets []byte, end int) {
	rest := b
	for len(rest) > 0 && len(octets) < most {
		start := len(b) - len(rest)
		line, after, ended := cutLine(rest)
		line, soft := bytes.CutSuffix(bytes.TrimRight(line, " \t"), []byte{'='})
		for at := 0; at < len(line); {
			if len(octets) == most {
				return octets, start + at
			}
			if line[at] == '=' && at+2 < len(line) && isHex(line[at+1]) && isHex(line[at+2]) {
				octets = append(octets, unhex(line[at+1])<<4|unhex(line[at+2]))
				at += 3
			} else {
				octets = append(octets, line[at])
				at++
			}
		}
		if ended && !soft {
			if len(octets) == most {
				return octets, start + len(line)
			}
			octets = append(octets, '\r', '\n')
		}
		rest = after
	}
	return octets, len(b) - len(rest)
}

// decodeBase64 reads whole groups of four characters. Readers do not agree about what stands behind padding.
func decodeBase64(b []byte, most int) (octets []byte, end int, ok bool) {
	var group [4]byte
	n := 0
	for i, c := range b {
		if n == 0 && len(octets) >= most {
			return octets, i, true
		}
		if !isBase64(c) {
			continue
		}
		group[n] = c
		if n++; n < len(group) {
			continue
		}
		n = 0
		var err error
		if octets, err = base64.StdEncoding.AppendDecode(octets, group[:]); err != nil {
			return nil, 0, false
		}
		if c == '=' {
			return octets, len(b), !bytes.ContainsFunc(b[i+1:], func(r rune) bool { return r < 0x80 && isBase64(byte(r)) })
		}
	}
	return octets, len(b), n == 0
}
