package crypto

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Types of signatures (RFC 9580, section 5.2.1).
const (
	sigGenericCert      = 0x10
	sigPositiveCert     = 0x13
	sigSubkeyBinding    = 0x18
	sigDirectKey        = 0x1f
	sigKeyRevocation    = 0x20
	sigSubkeyRevocation = 0x28
	sigCertRevocation   = 0x30
)

// signatureType returns -1 for what is too short to be a signature.
func signatureType(p rawPacket) int {
	const version3 = 3
	switch {
	case len(p.body) > 2 && p.body[0] == version3:
		return int(p.body[2])
	case len(p.body) > 1 && p.body[0] > version3:
		return int(p.body[1])
	}
	return -1
}

// isRevocation reports whether the packet says of itself that it withdraws something.
func isRevocation(sig rawPacket) bool {
	switch signatureType(sig) {
	case sigKeyRevocation, sigSubkeyRevocation, sigCertRevocation:
		return true
	}
	return false
}

// parseSignature has the library read a signature, of a version that it knows.
func parseSignature(p rawPacket) (*packet.Signature, error) {
	parsed, err := p.parse()
	if err != nil {
		return nil, err
	}
	sig, ok := parsed.(*packet.Signature)
	if !ok {
		return nil, fmt.Errorf("a packet of type %d is no signature", p.tag)
	}
	return sig, nil
}

// signatureAreas is the body of a signature of version 4 or 6, cut where its subpackets begin and end (RFC 9580,
// section 5.2.3).
type signatureAreas struct {
	fields           []byte // version, type, algorithm and hash
	hashed, unhashed []byte // subpackets
	rest             []byte // from the hash tag on
}

func cutSignature(body []byte) (signatureAreas, error) {
	const fields = 4
	var a signatureAreas
	if len(body) < fields {
		return a, errSignatureTruncated
	}
	width := areaWidth(body[0])
	if width == 0 {
		return a, fmt.Errorf("a signature has the version %d", body[0])
	}
	a.fields, a.rest = body[:fields], body[fields:]
	for _, area := range []*[]byte{&a.hashed, &a.unhashed} {
		n, found := readUint(a.rest, width)
		if !found || n > uint64(len(a.rest)-width) {
			return a, errSignatureTruncated
		}
		end := width + int(n)
		*area, a.rest = a.rest[width:end], a.rest[end:]
	}
	return a, nil
}

var errSignatureTruncated = errors.New("a signature is truncated")

// join is the inverse of cutSignature.
func (a signatureAreas) join() []byte {
	return bytes.Join([][]byte{a.signed(), areaLength(a.fields[0], a.unhashed), a.unhashed, a.rest}, nil)
}

// signed is what of the signature itself goes into its hash, but for the trailer.
func (a signatureAreas) signed() []byte {
	return bytes.Join([][]byte{a.fields, areaLength(a.fields[0], a.hashed), a.hashed}, nil)
}

// areaWidth is how many octets the lengths of the subpacket areas take, 0 for an unknown version.
func areaWidth(version byte) int {
	switch version {
	case 4:
		return 2
	case 6:
		return 4
	default:
		return 0
	}
}

func areaLength(version byte, area []byte) []byte {
	n := binary.BigEndian.AppendUint32(nil, uint32(len(area)))
	return n[len(n)-areaWidth(version):]
}
