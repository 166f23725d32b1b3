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

// selfSignature is a signature packet of version 4 or 6, taken apart into its subpackets. The library keeps only
// those that it knows; a signature that is to say all that another one said must repeat every one of them (RFC 9580,
// section 5.2.3).
type selfSignature struct {
	version, kind, algorithm, hash byte
	hashed, unhashed               []subpacket
}

// parseSelfSignature reads the body of a signature packet up to its hash tag.
func parseSelfSignature(body []byte) (selfSignature, error) {
	areas, err := cutSignature(body)
	if err != nil {
		return selfSignature{}, malformed(err.Error())
	}
	s := selfSignature{version: body[0], kind: body[1], algorithm: body[2], hash: body[3]}
	if s.hashed, err = parseSubpackets(areas.hashed); err != nil {
		return s, malformed(err.Error())
	}
	if s.unhashed, err = parseSubpackets(areas.unhashed); err != nil {
		return s, malformed(err.Error())
	}
	return s, nil
}

// areas returns the signature without what follows its subpackets.
func (s *selfSignature) areas() signatureAreas {
	return signatureAreas{
		fields:   []byte{s.version, s.kind, s.algorithm, s.hash},
		hashed:   encodeSubpackets(s.hashed),
		unhashed: encodeSubpackets(s.unhashed),
	}
}

// find returns the first hashed subpacket of a kind.
func (s *selfSignature) find(kind byte) (body []byte, found bool) {
	for _, sub := range s.hashed {
		if sub.is(kind) {
			return sub.body, true
		}
	}
	return nil, false
}

// set gives a hashed subpacket a new value in its old place, or adds it.
func (s *selfSignature) set(kind byte, body []byte) {
	s.drop(&s.unhashed, kind)
	for i, sub := range s.hashed {
		if sub.is(kind) {
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
	*area = slices.DeleteFunc(*area, func(sub subpacket) bool { return sub.is(kind) })
}

// refreshSalt gives new random octets to the notation by which some programs salt version 4 signatures.
func (s *selfSignature) refreshSalt(rand io.Reader) error {
	const lengths = 8 // flags, and the lengths of the name and the value
	for i, sub := range s.hashed {
		name := lengths + len(packet.SaltNotationName)
		if !sub.is(subNotation) || len(sub.body) < name || string(sub.body[lengths:name]) != packet.SaltNotationName {
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

// Hashes for new signatures (RFC 9580, section 9.5).
const (
	hashSHA256 = 8
	hashSHA384 = 9
	hashSHA512 = 10
)

// signingHash returns the hash for new signatures with this number, false for one that is not for them.
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

// sign makes the packet, with the key and over the data that stand before the signature's own fields in the hash
// (RFC 9580, section 5.2.4). A hash that is too weak for new signatures is replaced by SHA-512.
func (s *selfSignature) sign(key *packet.PrivateKey, data []byte, rand io.Reader) (rawPacket, error) {
	hasher, sound := signingHash(s.hash)
	if !sound {
		s.hash, hasher = hashSHA512, crypto.SHA512
	}
	s.version, s.algorithm = byte(key.Version), byte(key.PubKeyAlgo)
	if areaWidth(s.version) == 0 {
		return rawPacket{}, malformed(fmt.Sprintf("it has the version %d, which cannot be signed anew", key.Version))
	}
	areas := s.areas()
	if s.version == 4 && len(areas.hashed) > 0xffff {
		return rawPacket{}, malformed("a self-signature is too large to be made anew")
	}
	head := areas.signed()

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
	theirs, err := cutSignature(packets[0].body)
	if err != nil {
		return rawPacket{}, err
	}
	areas.rest = theirs.rest
	return rawPacket{tag: tagSignature, body: areas.join()}, nil
}

// fixedDigest is a hash that is done already.
type fixedDigest struct {
	hash.Hash
	digest []byte
}

func (f fixedDigest) Write(p []byte) (int, error) { return len(p), nil }

func (f fixedDigest) Sum(b []byte) []byte { return append(b, f.digest...) }
