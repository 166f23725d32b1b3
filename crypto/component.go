package crypto

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
