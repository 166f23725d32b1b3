package crypto

import (
	"bytes"
	"crypto"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
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

// selfSignature is a signature packet of version 4 or 6, taken apart into its subpackets. The library keeps only
// those that it knows; a signature that is to say all that another one said must repeat every one of them (RFC 9580,
// section 5.2.3).
type selfSignature struct {
	version, kind, algorithm, hash byte
	hashed, unhashed               []subpacket
}

// subpacket is one statement of a signature; kind has the critical bit.
type subpacket struct {
	kind byte
	body []byte
}

// parseSelfSignature reads the body of a signature packet up to its hash tag.
func parseSelfSignature(body []byte) (selfSignature, error) {
	var s selfSignature
	if len(body) < 4 {
		return s, malformed("a signature is truncated")
	}
	s.version, s.kind, s.algorithm, s.hash = body[0], body[1], body[2], body[3]
	width := s.lengthWidth()
	if width == 0 {
		return s, malformed(fmt.Sprintf("a signature has the version %d", s.version))
	}
	rest := body[4:]
	for _, area := range []*[]subpacket{&s.hashed, &s.unhashed} {
		n, found := readUint(rest, width)
		if !found || n > uint64(len(rest)-width) {
			return s, malformed("a signature is truncated")
		}
		var err error
		if *area, err = parseSubpackets(rest[width : width+int(n)]); err != nil {
			return s, err
		}
		rest = rest[width+int(n):]
	}
	return s, nil
}

// lengthWidth is how many octets the lengths of the subpacket areas take, 0 for an unknown version.
func (s selfSignature) lengthWidth() int {
	switch s.version {
	case 4:
		return 2
	case 6:
		return 4
	default:
		return 0
	}
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
			return nil, malformed("a subpacket of a signature is truncated")
		}
		if n == 0 || n > uint64(len(b)-head) {
			return nil, malformed("a subpacket of a signature is truncated")
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

// find returns the first hashed subpacket of a kind.
func (s *selfSignature) find(kind byte) (body []byte, found bool) {
	for _, sub := range s.hashed {
		if sub.kind&^subCritical == kind {
			return sub.body, true
		}
	}
	return nil, false
}

// set gives a hashed subpacket a new value in its old place, or adds it.
func (s *selfSignature) set(kind byte, body []byte) {
	s.drop(&s.unhashed, kind)
	for i, sub := range s.hashed {
		if sub.kind&^subCritical == kind {
			critical := sub.kind & subCritical
			s.hashed[i] = subpacket{kind: kind | critical, body: body}
			return
		}
	}
	s.hashed = append(s.hashed, subpacket{kind: kind, body: body})
}

func (s *selfSignature) setSeconds(kind byte, seconds uint32) {
	s.set(kind, binary.BigEndian.AppendUint32(nil, seconds))
}

// drop removes the subpackets of a kind from an area.
func (s *selfSignature) drop(area *[]subpacket, kind byte) {
	*area = slices.DeleteFunc(*area, func(sub subpacket) bool { return sub.kind&^subCritical == kind })
}

// refreshSalt gives new random octets to the notation by which some programs salt version 4 signatures.
func (s *selfSignature) refreshSalt(rand io.Reader) error {
	const lengths = 8 // flags, and the lengths of the name and the value
	for i, sub := range s.hashed {
		name := lengths + len(packet.SaltNotationName)
		if sub.kind&^subCritical != subNotation || len(sub.body) < name || string(sub.body[lengths:name]) != packet.SaltNotationName {
			continue
		}
		body := slices.Clone(sub.body)
		if _, err := io.ReadFull(rand, body[name:]); err != nil {
			return err
		}
		s.hashed[i].body = body
	}
	return nil
}

// signingHashes are those for new signatures, by their number in the packet (RFC 9580, section 9.5).
func signingHash(id byte) (crypto.Hash, bool) {
	switch id {
	case hashSHA256:
		return crypto.SHA256, true
	case hashSHA384:
		return crypto.SHA384, true
	case hashSHA512:
		return crypto.SHA512, true
	default:
		return 0, false
	}
}

const (
	hashSHA256 = 8
	hashSHA384 = 9
	hashSHA512 = 10
)

// sign makes the packet, with the key and over the data that stand before the signature's own fields in the hash
// (RFC 9580, section 5.2.4). A hash that is too weak for new signatures is replaced by SHA-512.
func (s *selfSignature) sign(key *packet.PrivateKey, data []byte, rand io.Reader) (rawPacket, error) {
	hasher, sound := signingHash(s.hash)
	if !sound {
		s.hash, hasher = hashSHA512, crypto.SHA512
	}
	s.version, s.algorithm = byte(key.Version), byte(key.PubKeyAlgo)
	if s.lengthWidth() == 0 {
		return rawPacket{}, malformed(fmt.Sprintf("it has the version %d, which cannot be signed anew", key.Version))
	}
	hashed := encodeSubpackets(s.hashed)
	if s.version == 4 && len(hashed) > 0xffff {
		return rawPacket{}, malformed("a self-signature is too large to be made anew")
	}
	head := append([]byte{s.version, s.kind, s.algorithm, s.hash}, s.area(hashed)...)

	// The library signs what is hashed elsewhere, so that it does not matter what it knows of the subpackets.
	made := &packet.Signature{
		Version: int(s.version), SigType: packet.SignatureType(s.kind), PubKeyAlgo: key.PubKeyAlgo, Hash: hasher,
		CreationTime: time.Unix(0, 0),
	}
	plain := false
	cfg := &packet.Config{Rand: rand, NonDeterministicSignaturesViaNotation: &plain}
	h, err := made.PrepareSign(cfg) // salted, for version 6
	if err != nil {
		return rawPacket{}, err
	}
	h.Write(data)
	h.Write(head)
	h.Write(binary.BigEndian.AppendUint32([]byte{s.version, 0xff}, uint32(len(head))))
	digest := h.Sum(nil)
	if err := made.Sign(fixedDigest{h, digest}, key, cfg); err != nil {
		return rawPacket{}, err
	}
	var b bytes.Buffer
	if err := made.Serialize(&b); err != nil {
		return rawPacket{}, err
	}
	packets, err := parsePackets(b.Bytes())
	if err != nil {
		return rawPacket{}, err
	}
	theirs, err := parseSelfSignature(packets[0].body)
	if err != nil {
		return rawPacket{}, err
	}
	fields := 4 + len(theirs.area(encodeSubpackets(theirs.hashed))) + len(theirs.area(encodeSubpackets(theirs.unhashed)))
	body := append(head, s.area(encodeSubpackets(s.unhashed))...)
	return rawPacket{tag: tagSignature, body: append(body, packets[0].body[fields:]...)}, nil
}

// area puts the length in front of encoded subpackets.
func (s *selfSignature) area(subpackets []byte) []byte {
	n := binary.BigEndian.AppendUint32(nil, uint32(len(subpackets)))
	return append(n[4-s.lengthWidth():], subpackets...)
}

// fixedDigest is a hash that is done already.
type fixedDigest struct {
	hash.Hash
	digest []byte
}

func (f fixedDigest) Write(p []byte) (int, error) { return len(p), nil }

func (f fixedDigest) Sum(b []byte) []byte { return append(b, f.digest...) }

// keyData is a public key as it goes into the hash of a signature of its own version.
func keyData(version int, public rawPacket) []byte {
	if version == 6 {
		return append(binary.BigEndian.AppendUint32([]byte{0x9b}, uint32(len(public.body))), public.body...)
	}
	return append(binary.BigEndian.AppendUint16([]byte{0x99}, uint16(len(public.body))), public.body...)
}

// userIDData is a User ID as it goes into the hash of a signature.
func userIDData(id rawPacket) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0xb4}, uint32(len(id.body))), id.body...)
}
