package pgpmime

import "bytes"

// The standard library's writer turns a bare CR into a line end and leaves "From " alone, so both directions of RFC
// 2045, section 6.7, that are needed here are written out.

// maxEncodedLine is the longest line of an encoded body (RFC 2045, section 6.7, rule 5, and section 6.8).
const maxEncodedLine = 76

// quotedLine writes the physical lines of one line of quoted-printable.
type quotedLine struct {
	dst    []byte
	column int
}

// put appends one octet, as itself or as "=XX". after is what follows it on the line.
func (q *quotedLine) put(c byte, escape bool, after []byte) {
	width := 1
	if escape {
		width = 3
	}
	if q.column+width > maxEncodedLine-1 {
		q.dst = append(q.dst, "=\r\n"...)
		q.column = 0
		// The new line must not look like a delimiter: this octet was in the middle of a line.
		escape = escape || c == '-'
	}
	if q.column == 0 && c == 'F' && bytes.HasPrefix(after, []byte("rom ")) {
		escape = true
	}
	if !escape {
		q.dst = append(q.dst, c)
		q.column++
		return
	}
	const hex = "0123456789ABCDEF"
	q.dst = append(q.dst, '=', hex[c>>4], hex[c&15])
	q.column += 3
}

// appendQuoted encodes text. Line ends stay line ends, a bare CR is an octet.
func appendQuoted(dst, text []byte) []byte {
	for len(text) > 0 {
		line, rest, ended := cutLine(text)
		q := quotedLine{dst: dst}
		for i, c := range line {
			last := i == len(line)-1
			q.put(c, !isLiteral(c) || isBlank(c) && last, line[i+1:])
		}
		dst, text = q.dst, rest
		if ended {
			dst = append(dst, '\r', '\n')
		}
	}
	return dst
}

// quotedSize estimates how many octets text becomes.
func quotedSize(text []byte) int {
	size := len(text)
	for _, c := range text {
		if !isLiteral(c) && c != '\r' && c != '\n' {
			size += 2
		}
	}
	return size
}

// appendRequoted repairs a quoted-printable body: short lines, no trailing blanks, which are no part of the content
// (RFC 2045, section 6.7, rule 3), and no octets that need encoding. The decoded content stays.
func appendRequoted(dst, body []byte) []byte {
	for len(body) > 0 {
		line, rest, ended := cutLine(body)
		line = bytes.TrimRight(line, " \t")
		line, soft := bytes.CutSuffix(line, []byte{'='})
		q := quotedLine{dst: dst}
		for i := 0; i < len(line); i++ {
			c := line[i]
			if c == '=' && i+2 < len(line) && isHex(line[i+1]) && isHex(line[i+2]) {
				q.put(unhex(line[i+1])<<4|unhex(line[i+2]), true, nil)
				i += 2
				continue
			}
			q.put(c, !isLiteral(c), line[i+1:])
		}
		dst, body = q.dst, rest
		if soft {
			dst = append(dst, '=')
		}
		if ended {
			dst = append(dst, '\r', '\n')
		}
	}
	return dst
}

// isLiteral reports whether quoted-printable may hold the octet as itself, save a blank at the end of a line.
func isLiteral(c byte) bool { return c >= ' ' && c < 0x7f && c != '=' || c == '\t' }

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'F' || c >= 'a' && c <= 'f'
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&7 + 9
}

// cutLine returns the first line without its end, what follows it, and whether there was an end.
func cutLine(b []byte) (line, rest []byte, ended bool) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return b, nil, false
	}
	return trimLineEnd(b[:i+1]), b[i+1:], true
}
