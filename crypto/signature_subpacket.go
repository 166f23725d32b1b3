package crypto

import (
	"encoding/binary"
	"errors"
	"slices"
)

// Subpacket types of signatures (RFC 9580, section 5.2.3.7). The highest bit marks a critical one.
const (
	subCreated        = 2
	subSigExpires     = 3
	subKeyExpires     = 9
	subIssuer         = 16
	subNotation       = 20
	subReason         = 29
	subEmbedded       = 32
	subIssuerFullName = 33 // the issuer's fingerprint

	subCritical = 0x80
)

// subpacket is one statement of a signature; kind has the critical bit.
type subpacket struct {
	kind byte
	body []byte
}

func (s subpacket) is(kind byte) bool { return s.kind&^subCritical == kind }

var errSubpacketTruncated = errors.New("a subpacket of a signature is truncated")

func parseSubpackets(b []byte) ([]subpacket, error) {
	var all []subpacket
	for len(b) > 0 {
		head, n := 1, uint64(b[0])
		switch {
		case n < 192:
		case n < 255 && len(b) > 1:
			head, n = 2, (n-192)<<8+uint64(b[1])+192
		case n == 255 && len(b) > 4:
			head = 5
			n, _ = readUint(b[1:], 4)
		default:
			return nil, errSubpacketTruncated
		}
		if n == 0 || n > uint64(len(b)-head) {
			return nil, errSubpacketTruncated
		}
		content := b[head : head+int(n)]
		all = append(all, subpacket{kind: content[0], body: content[1:]})
		b = b[head+int(n):]
	}
	return all, nil
}

func encodeSubpackets(all []subpacket) []byte {
	var b []byte
	for _, sub := range all {
		switch n := len(sub.body) + 1; {
		case n < 192:
			b = append(b, byte(n))
		case n < 16320:
			b = append(b, byte((n-192)>>8)+192, byte(n-192))
		default:
			b = binary.BigEndian.AppendUint32(append(b, 255), uint32(n))
		}
		b = append(append(b, sub.kind), sub.body...)
	}
	return b
}

func readUint(b []byte, width int) (n uint64, found bool) {
	if len(b) < width {
		return 0, false
	}
	for _, octet := range b[:width] {
		n = n<<8 | uint64(octet)
	}
	return n, true
}

// lean returns the body of a well-formed signature without what anybody can add to it: the unhashed subpackets but one
// of each kind that has a meaning there, which are the issuer and the embedded signature of a signing subkey (RFC 9580,
// section 5.2.3.34), that one leaned, too. The body is returned as it is if it cannot be taken apart.
func lean(body []byte) []byte {
	areas, err := cutSignature(body)
	if err != nil {
		return body
	}
	unhashed, err := parseSubpackets(areas.unhashed)
	if err != nil {
		return body
	}
	var kept []subpacket
	for _, sub := range unhashed {
		if slices.ContainsFunc(kept, func(k subpacket) bool { return k.is(sub.kind &^ subCritical) }) {
			continue
		}
		switch sub.kind &^ subCritical {
		case subIssuer, subIssuerFullName:
			kept = append(kept, sub)
		case subEmbedded:
			kept = append(kept, subpacket{sub.kind, lean(sub.body)})
		}
	}
	areas.unhashed = encodeSubpackets(kept)
	return areas.join()
}
