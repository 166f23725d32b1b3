package crypto

import (
	"bytes"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

type secretState uint8

const (
	missing secretState = iota // left out of the export (GNU S2K mode 1)
	onCard                     // on a smart card (GNU S2K mode 2)
	locked                     // encrypted with a passphrase
	unlocked
)

// Limits of an Argon2 key derivation: both of RFC 9106's recommendations but the one for 2 GiB of memory pass.
const (
	maxArgon2Memory = 18 // exponent to 2, in KiB: 256 MiB
	maxArgon2Passes = 16
)

// secretPart is a secret key packet, taken apart as far as its state asks for (RFC 9580, section 5.5.3).
type secretPart struct {
	packet rawPacket
	public rawPacket
	keyID  uint64
	state  secretState
	costly bool // to unlock: beyond the limits for Argon2
}

func parseSecretPart(p rawPacket) (secretPart, error) {
	part := secretPart{packet: p, public: rawPacket{tag: tagPublicKey, body: p.body}}
	if p.tag == tagSecretSubkey {
		part.public.tag = tagPublicSubkey
	}
	// A public key parser stops where the secret begins.
	parsed, err := part.public.parse()
	pub, ok := parsed.(*packet.PublicKey)
	if err != nil || !ok {
		return part, malformed("its public part cannot be read")
	}
	var b bytes.Buffer
	if err := pub.Serialize(&b); err != nil {
		return part, malformed("its public part cannot be read")
	}
	packets, err := parsePackets(b.Bytes())
	if err != nil {
		return part, err
	}
	part.public, part.keyID = packets[0], pub.KeyId
	secret, ok := bytes.CutPrefix(p.body, part.public.body)
	if !ok || len(secret) == 0 {
		return part, malformed("its secret part is missing")
	}
	return part, part.readState(secret, pub.Version)
}

// S2K usage octets and specifiers (RFC 9580, sections 3.7.1 and 3.7.2).
const (
	usageNone     = 0
	usageAEAD     = 253
	usageSHA1     = 254
	usageChecksum = 255

	s2kArgon2 = 4
	s2kGNU    = 101
)

// readState reads the fields from the S2K usage octet on.
func (part *secretPart) readState(b []byte, version int) error {
	skip := 2 // the usage and the cipher
	switch b[0] {
	case usageNone:
		part.state = unlocked
		return nil
	case usageAEAD:
		skip++ // the mode
	case usageSHA1, usageChecksum:
	default:
		return malformed("its secret part is locked in an obsolete way")
	}
	if version >= 6 {
		skip += 2 // the lengths of all parameters and of the specifier
	}
	if len(b) < skip+6 {
		return malformed("its secret part is truncated")
	}
	s2k := b[skip:]
	part.state = locked
	switch {
	case s2k[0] == s2kArgon2:
		// Salt, passes, parallelism and memory follow; the library refuses a truncated specifier.
		part.costly = len(s2k) < 20 || s2k[17] > maxArgon2Passes || s2k[19] > maxArgon2Memory
	case s2k[0] == s2kGNU && string(s2k[2:6]) == "GNU\x02":
		part.state = onCard
	case s2k[0] == s2kGNU:
		part.state = missing
	}
	return nil
}
