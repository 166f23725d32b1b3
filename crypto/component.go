package crypto

import (
	"encoding/binary"
	"slices"
)

// component is a part of a certificate about which signatures are made: the primary key, a User ID, a user attribute
// or a subkey, and the signatures that follow it (RFC 9580, section 10.1).
type component struct {
	about      rawPacket
	signatures []rawPacket
}

// content is what makes two packets equal.
type content struct {
	tag  byte
	body string
}

func (p rawPacket) content() content { return content{p.tag, string(p.body)} }

// hashed is the component as it goes into the hash of signatures about it (RFC 9580, section 5.2.4). It is false for keys
// of a version that makes no signatures, and for what is no component.
func (p rawPacket) hashed() (data []byte, known bool) {
	const version4, version6 = 4, 6
	long := binary.BigEndian.AppendUint32(nil, uint32(len(p.body)))
	switch {
	case p.tag == tagUserID:
		return slices.Concat([]byte{0xb4}, long, p.body), true
	case p.tag == tagUserAttr:
		return slices.Concat([]byte{0xd1}, long, p.body), true
	case p.tag != tagPublicKey && p.tag != tagPublicSubkey || len(p.body) == 0:
		return nil, false
	case p.body[0] == version4 && len(p.body) < 1<<16:
		return slices.Concat([]byte{0x99}, long[2:], p.body), true
	case p.body[0] == version6:
		return slices.Concat([]byte{0x9b}, long, p.body), true
	}
	return nil, false
}

// components takes a certificate apart, which begins with its primary key. Equal components become one, and so do
// equal signatures of one component: of two copies of a User ID the library forgets the first and its revocation, and
// it uses the copy of a subkey that lacks the revocation. Signatures of the types that are about the primary key are
// given to it wherever they stand, as where a revocation certificate was simply appended.
func components(packets []rawPacket) []component {
	type signature struct {
		component int
		body      string
	}
	known := make(map[content]int)
	signed := make(map[signature]bool)
	var parts []component
	current := 0
	for _, p := range packets {
		if p.tag != tagSignature {
			at, seen := known[p.content()]
			if !seen {
				at = len(parts)
				known[p.content()] = at
				parts = append(parts, component{about: p})
			}
			current = at
			continue
		}
		to := current
		if t := signatureType(p); t == sigKeyRevocation || t == sigDirectKey {
			to = 0
		}
		if id := (signature{to, string(p.body)}); !signed[id] {
			signed[id] = true
			parts[to].signatures = append(parts[to].signatures, p)
		}
	}
	return parts
}

// join is the inverse of components.
func join(parts []component) []rawPacket {
	var packets []rawPacket
	for _, part := range parts {
		packets = append(append(packets, part.about), part.signatures...)
	}
	return packets
}
