package pgpmime

import "bytes"

// multipart is the body of a multipart entity, cut at its delimiters. Its slices alias the body.
type multipart struct {
	// preamble and epilogue lack the line end that parts them from a delimiter. nil is different from empty: then
	// the line end is missing, too.
	preamble, epilogue []byte
	// parts lack the line end before the next delimiter, which belongs to it (RFC 2046, section 5.1.1). A nil part has
	// not even that: its two delimiters are adjacent lines.
	parts  [][]byte
	faults faults
}

// splitMultipart cuts a body at the delimiter lines of RFC 2046, section 5.1.1, in one pass. It gives up behind
// most+1 parts. gap are blanks that belong to the boundary, but that some writer or MTA may have left out. Where the close
// delimiter is missing the last part has all that follows.
func splitMultipart(body []byte, boundary, gap string, most int) multipart {
	var m multipart
	dashes := []byte("--" + boundary)
	closing := []byte(gap + "--")
	at, found := nextDelimiter(body, 0, dashes, closing)
	if !found || at.closes {
		return m
	}
	if at.start > 0 {
		m.preamble = emptyNotNil(trimLineEnd(body[:at.start]))
	}
	for len(m.parts) <= most {
		if at.padded {
			m.faults |= paddedDelimiter
		}
		next, found := nextDelimiter(body, at.end, dashes, closing)
		if !found {
			m.parts = append(m.parts, body[at.end:])
			m.faults |= unclosed
			return m
		}
		m.addPart(body[at.end:next.start])
		if at = next; at.closes {
			break
		}
	}
	if at.padded {
		m.faults |= paddedDelimiter
	}
	if at.ended {
		m.epilogue = emptyNotNil(body[at.end:])
	}
	return m
}

func (m *multipart) addPart(lines []byte) {
	if len(lines) == 0 {
		m.parts = append(m.parts, nil)
	} else {
		m.parts = append(m.parts, emptyNotNil(trimLineEnd(lines)))
	}
}

func emptyNotNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// delimiter is one delimiter line: body[start:end] with its line end.
type delimiter struct {
	start, end int
	closes     bool
	padded     bool
	ended      bool // by a line end, not by the end of the body
}

// nextDelimiter finds the first delimiter line at or behind from, which is the start of a line. dashes are what it
// begins with, closing what makes it the last, beside "--".
func nextDelimiter(body []byte, from int, dashes, closing []byte) (delimiter, bool) {
	for from < len(body) {
		i := bytes.Index(body[from:], dashes)
		if i < 0 {
			break
		}
		start := from + i
		end, ended := len(body), false
		if i := bytes.IndexByte(body[start:], '\n'); i >= 0 {
			end, ended = start+i+1, true
		}
		from = end
		if start > 0 && body[start-1] != '\n' {
			continue
		}
		rest := trimLineEnd(body[start+len(dashes) : end])
		d := delimiter{start: start, end: end, ended: ended}
		if rest, d.closes = bytes.CutPrefix(rest, []byte("--")); !d.closes {
			rest, d.closes = bytes.CutPrefix(rest, closing)
		}
		d.padded = len(rest) > 0
		if len(bytes.Trim(rest, " \t")) == 0 {
			return d, true
		}
	}
	return delimiter{}, false
}
