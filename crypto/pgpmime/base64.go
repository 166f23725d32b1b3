package pgpmime

import "encoding/base64"

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
