package pgpmime

import "bytes"

// The standard library's writer turns a bare CR into a line end and leaves "From " alone, so both directions of RFC
// 2045, section 6.7, that are needed here are written out.

// maxEncodedLine is the longest line of an encoded body (RFC 2045, section 6.7, rule 5, and section 6.8).
const maxEncodedLine = 76

const hexDigits = "0123456789ABCDEF"

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
	q.dst = append(q.dst, '=', hexDigits[c>>4], hexDigits[c&15])
	q.column += 3
}

// ordinary appends the first octets of s that need no thought, since they are neither at an end of a physical line nor of
// those that are literal in some places only, and returns how many.
func (q *quotedLine) ordinary(s []byte) int {
	if q.column == 0 {
		return 0
	}
	dst, room := q.dst, maxEncodedLine-1-q.column
	n := 0
	for n < len(s) {
		c := s[n]
		if isLiteral(c) && room >= 1 {
			dst = append(dst, c)
			room--
		} else if c >= 0x80 && room >= 3 {
			dst = append(dst, '=', hexDigits[c>>4], hexDigits[c&15])
			room -= 3
		} else {
			break
		}
		n++
	}
	q.dst, q.column = dst, maxEncodedLine-1-room
	return n
}

// putText appends octets of a line of text from at on, and returns where it got to.
func (q *quotedLine) putText(line []byte, at int) int {
	last := len(line) - 1
	if n := q.ordinary(line[at:last]); n > 0 {
		return at + n
	}
	c := line[at]
	q.put(c, !isLiteral(c) || isBlank(c) && at == last, line[at+1:])
	return at + 1
}

// putQuoted does so with a line that is in quoted-printable already.
func (q *quotedLine) putQuoted(line []byte, at int) int {
	if n := q.ordinary(line[at:]); n > 0 {
		return at + n
	}
	c := line[at]
	if c == '=' && at+2 < len(line) && isHex(line[at+1]) && isHex(line[at+2]) {
		q.put(unhex(line[at+1])<<4|unhex(line[at+2]), true, nil)
		return at + 3
	}
	q.put(c, !isLiteral(c), line[at+1:])
	return at + 1
}

// quoted has text in quoted-printable. Line ends stay line ends, a bare CR is an octet.
func quoted(text []byte) form {
	return quotedLines(text, (*quotedLine).putText, func(line []byte) ([]byte, bool) { return line, false })
}

// requoted has a quoted-printable body that is repaired: short lines, no trailing blanks, which are no part of the content
// (RFC 2045, section 6.7, rule 3), and no octets that need encoding. The decoded content stays.
func requoted(body []byte) form {
	return quotedLines(body, (*quotedLine).putQuoted, func(line []byte) ([]byte, bool) {
		return bytes.CutSuffix(bytes.TrimRight(line, " \t"), []byte{'='})
	})
}

// quotedLines has each line of b as it is put, after it was cut to what is to be put, without the sign of a soft line end.
func quotedLines(b []byte, put func(q *quotedLine, line []byte, at int) int, cut func(line []byte) (cut []byte, soft bool)) form {
	return func(yield func([]byte) bool) {
		q := quotedLine{dst: make([]byte, 0, min(len(b), stride)*5/4+2*maxEncodedLine)}
		goOn := func() bool {
			if len(q.dst) < stride {
				return true
			}
			made := q.dst
			q.dst = q.dst[:0]
			return yield(made)
		}
		for rest := b; len(rest) > 0; {
			line, after, ended := cutLine(rest)
			line, soft := cut(line)
			q.column, rest = 0, after
			for at := 0; at < len(line); {
				if at = put(&q, line, at); !goOn() {
					return
				}
			}
			if soft {
				q.dst = append(q.dst, '=')
			}
			if ended {
				q.dst = append(q.dst, '\r', '\n')
			}
			if !goOn() {
				return
			}
		}
		yield(q.dst)
	}
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
