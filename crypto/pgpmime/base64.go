package pgpmime

import (
	"encoding/base64"
	"slices"
)

const octetsPerLine = maxEncodedLine / 4 * 3

// base64Size returns how many octets n octets become, with line ends.
func base64Size(n int) int {
	return base64.StdEncoding.EncodedLen(n) + (n+octetsPerLine-1)/octetsPerLine*len("\r\n")
}

// appendBase64 encodes octets in lines of 76 characters, each ended by CRLF (RFC 2045, section 6.8).
func appendBase64(dst, octets []byte) []byte {
	for len(octets) > 0 {
		n := min(len(octets), octetsPerLine)
		dst = base64.StdEncoding.AppendEncode(dst, octets[:n])
		dst = append(dst, '\r', '\n')
		octets = octets[n:]
	}
	return dst
}

// inBase64 has octets in base64.
func inBase64(b []byte) form {
	return func(yield func([]byte) bool) {
		made := make([]byte, 0, base64Size(min(len(b), stride)))
		for octets := range slices.Chunk(b, stride-stride%octetsPerLine) {
			if made = appendBase64(made[:0], octets); !yield(made) {
				return
			}
		}
	}
}

// textInBase64 has texts, one behind the other, in base64, in which lines end in CRLF (RFC 2045, section 6.8).
func textInBase64(texts ...[]byte) form {
	return func(yield func([]byte) bool) {
		var rest, made []byte
		for _, text := range texts {
			for octets := range strides(text) {
				rest = appendCRLF(rest, octets)
				whole := len(rest) - len(rest)%octetsPerLine
				if made = appendBase64(slices.Grow(made[:0], base64Size(whole)), rest[:whole]); !yield(made) {
					return
				}
				rest = append(rest[:0], rest[whole:]...)
			}
		}
		yield(appendBase64(made[:0], rest))
	}
}

// rewrappedBase64 has a base64 body, which may be in pieces, in new lines.
func rewrappedBase64(pieces ...[]byte) form {
	return func(yield func([]byte) bool) {
		var made []byte
		column := 0
		for _, b := range pieces {
			for text := range slices.Chunk(b, stride) {
				made = slices.Grow(made[:0], base64Size(len(text)))
				if made, column = appendRewrapped(made, text, column); !yield(made) {
					return
				}
			}
		}
		if column > 0 {
			yield([]byte("\r\n"))
		}
	}
}

// appendRewrapped writes a part of a base64 body in new lines, the first of which has so many characters already, and
// without the characters that decoders have to ignore. It returns how many the last one has.
func appendRewrapped(dst, body []byte, column int) ([]byte, int) {
	for _, c := range body {
		if !isBase64(c) {
			continue
		}
		if column == maxEncodedLine {
			dst = append(dst, '\r', '\n')
			column = 0
		}
		dst = append(dst, c)
		column++
	}
	return dst, column
}

// isBase64 reports whether c is in Table 1 of RFC 2045, section 6.8, or padding.
func isBase64(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '='
}
