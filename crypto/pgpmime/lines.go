package pgpmime

import (
	"bytes"
	"strings"
)

// maxLine is the longest line in octets, without its CRLF (RFC 5322, section 2.1.1).
const maxLine = 998

// faults is what keeps octets from travelling as they are.
type faults uint16

const (
	eightBit      faults = 1 << iota // an octet above 127
	nul                              // NUL
	bareCR                           // CR that does not end a line
	bareLF                           // LF without CR
	longLine                         // a line of more than 998 octets
	trailingBlank                    // a line that ends in space or tab
	fromLine                         // a line that begins with "From "

	// The other faults are in the structure. Postfix encodes again whatever is labelled 8bit on its way to a hop without
	// 8BITMIME, even pure US-ASCII; sendmail removes blanks behind delimiters and adds a missing close delimiter.
	mislabelled     // a transfer encoding other than 7bit where the content is 7bit, or may be nothing else
	paddedDelimiter // white space behind a multipart's delimiter
	unclosed        // a multipart without close delimiter
	unfitBoundary   // a boundary that no delimiter line can have
	loose           // a frame or header that some readers do not write as it came

	claiming // a part says of itself what only the composer may say
)

// breaking are the faults that break a signature in transit. Trailing blanks and "From " lines get through both
// MTAs.
const breaking = eightBit | nul | bareCR | longLine | mislabelled | paddedDelimiter | unclosed | unfitBoundary

// String names the faults in the lines that break a signature.
func (f faults) String() string {
	var names []string
	for _, fault := range []struct {
		bit  faults
		name string
	}{
		{eightBit, "8-bit octets"}, {nul, "a NUL"}, {bareCR, "a bare CR"}, {longLine, "lines of more than 998 octets"},
	} {
		if f&fault.bit != 0 {
			names = append(names, fault.name)
		}
	}
	return strings.Join(names, ", ")
}

// lineFaults examines octets that begin at the start of a line. What follows them is taken to be a line end.
func lineFaults(b []byte) faults {
	var f faults
	if bytes.IndexByte(b, 0) >= 0 {
		f |= nul
	}
	for len(b) > 0 {
		line := b
		if end := bytes.IndexByte(b, '\n'); end < 0 {
			b = nil
		} else {
			line, b = b[:end], b[end+1:]
			if end > 0 && line[end-1] == '\r' {
				line = line[:end-1]
			} else {
				f |= bareLF
			}
		}
		f |= oneLineFaults(line)
	}
	return f
}

// oneLineFaults examines a line without its end.
func oneLineFaults(line []byte) faults {
	if len(line) == 0 {
		return 0
	}
	var f faults
	var all byte
	for _, c := range line {
		all |= c
	}
	if all >= 0x80 {
		f |= eightBit
	}
	if bytes.IndexByte(line, '\r') >= 0 {
		f |= bareCR
	}
	if len(line) > maxLine {
		f |= longLine
	}
	if isBlank(line[len(line)-1]) {
		f |= trailingBlank
	}
	if isFromLine(line) {
		f |= fromLine
	}
	return f
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// isFromLine reports whether a line looks like a message separator of the mbox format. Some stores write a ">"
// before it, which breaks a signature (RFC 3156, section 5).
func isFromLine(line []byte) bool { return bytes.HasPrefix(line, []byte("From ")) }

// trimLineEnd takes CRLF or LF off the end.
func trimLineEnd(b []byte) []byte {
	if line, found := bytes.CutSuffix(b, []byte{'\n'}); found {
		return bytes.TrimSuffix(line, []byte{'\r'})
	}
	return b
}

// appendCRLF appends b with every bare LF turned into CRLF.
func appendCRLF(dst, b []byte) []byte {
	for len(b) > 0 {
		end := bytes.IndexByte(b, '\n')
		switch {
		case end < 0:
			return append(dst, b...)
		case end > 0 && b[end-1] == '\r':
			dst = append(dst, b[:end+1]...)
		default:
			dst = append(append(dst, b[:end]...), '\r', '\n')
		}
		b = b[end+1:]
	}
	return dst
}
