package pgpmime

import "encoding/base64"

// appendBase64 encodes octets in lines of 76 characters, each ended by CRLF (RFC 2045, section 6.8).
func appendBase64(dst, octets []byte) []byte {
	const octetsPerLine = maxEncodedLine / 4 * 3
	for len(octets) > 0 {
		n := min(len(octets), octetsPerLine)
		dst = base64.StdEncoding.AppendEncode(dst, octets[:n])
		dst = append(dst, '\r', '\n')
		octets = octets[n:]
	}
	return dst
}

// appendRewrapped writes a base64 body in new lines and without the characters that decoders have to ignore.
func appendRewrapped(dst, body []byte) []byte {
	column := 0
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
	if column > 0 {
		dst = append(dst, '\r', '\n')
	}
	return dst
}

// isBase64 reports whether c is in Table 1 of RFC 2045, section 6.8, or padding.
func isBase64(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '='
}
