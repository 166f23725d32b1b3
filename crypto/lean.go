package crypto

import (
	"encoding/binary"
	"slices"
)

// lean returns the body of a well-formed signature without what anybody can add to it: the unhashed subpackets but one
// of each kind that has a meaning there, which are the issuer and the embedded signature of a signing subkey (RFC 9580,
// section 5.2.3.34), that one leaned, too. The body is returned as it is if it cannot be taken apart.
func lean(body []byte) []byte {
	areas, ok := cutSignature(body)
	if !ok {
		return body
	}
	kept, ok := leanSubpackets(areas.unhashed)
	if !ok {
		return body
	}
	length := body[areas.lengthAt:areas.unhashedAt]
	size := make([]byte, len(length))
	if len(size) == 2 {
		binary.BigEndian.PutUint16(size, uint16(len(kept)))
	} else {
		binary.BigEndian.PutUint32(size, uint32(len(kept)))
	}
	return slices.Concat(body[:areas.lengthAt], size, kept, body[areas.unhashedAt+len(areas.unhashed):])
}

// signatureAreas says where the unhashed part of a signature and its length are.
type signatureAreas struct {
	lengthAt, unhashedAt int
	unhashed             []byte
}

func cutSignature(body []byte) (signatureAreas, bool) {
	var a signatureAreas
	width := 0
	if len(body) > 0 {
		width = map[byte]int{4: 2, 6: 4}[body[0]]
	}
	if width == 0 {
		return a, false
	}
	hashed, ok := sizedArea(body, 4, width)
	if !ok {
		return a, false
	}
	a.lengthAt = 4 + width + len(hashed)
	a.unhashedAt = a.lengthAt + width
	a.unhashed, ok = sizedArea(body, a.lengthAt, width)
	return a, ok
}

// sizedArea returns the octets behind a length of the given width.
func sizedArea(b []byte, at, width int) ([]byte, bool) {
	if len(b) < at+width {
		return nil, false
	}
	n := 0
	for _, octet := range b[at : at+width] {
		n = n<<8 | int(octet)
	}
	if n > len(b)-at-width {
		return nil, false
	}
	return b[at+width : at+width+n], true
}

func leanSubpackets(area []byte) (kept []byte, ok bool) {
	const issuerKeyID, embeddedSignature, issuerFingerprint = 16, 32, 33
	seen := make(map[byte]bool)
	for len(area) > 0 {
		header, n := subpacketLength(area)
		if header == 0 || n < 1 || n > len(area)-header {
			return nil, false
		}
		content := area[header : header+n]
		area = area[header+n:]
		kind := content[0] & 0x7f
		if seen[kind] {
			continue
		}
		seen[kind] = true
		switch kind {
		case issuerKeyID, issuerFingerprint:
			kept = appendSubpacket(kept, content)
		case embeddedSignature:
			kept = appendSubpacket(kept, append([]byte{content[0]}, lean(content[1:])...))
		}
	}
	return kept, true
}

// subpacketLength returns the length of the header and the length that it states (RFC 9580, section 5.2.3.7); 0, 0 for
// a header that is cut off.
func subpacketLength(b []byte) (header, n int) {
	switch {
	case b[0] < 192:
		return 1, int(b[0])
	case b[0] < 255 && len(b) > 1:
		return 2, int(b[0]-192)<<8 + int(b[1]) + 192
	case b[0] == 255 && len(b) > 4:
		return 5, int(binary.BigEndian.Uint32(b[1:]))
	}
	return 0, 0
}

func appendSubpacket(b, content []byte) []byte {
	switch n := len(content); {
	case n < 192:
		b = append(b, byte(n))
	case n < 16320:
		b = append(b, byte((n-192)>>8)+192, byte(n-192))
	default:
		b = binary.BigEndian.AppendUint32(append(b, 255), uint32(n))
	}
	return append(b, content...)
}
