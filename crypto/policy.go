package crypto

import (
	"crypto"
	"crypto/rsa"
	"fmt"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

const (
	minRSA    = 2048 // bits; RFC 9580, section 12.4: shorter ones MUST NOT be used
	adviseRSA = 3072 // bits; shorter ones SHOULD NOT
)

// sha1Cutoff is when SHA-1 self-signatures ended for Sequoia PGP, too: whoever made one later has been warned for
// years, and forging one has become affordable (https://sha-mbles.github.io).
var sha1Cutoff = time.Date(2023, time.February, 1, 0, 0, 0, 0, time.UTC)

// policy is what the library must hold to beside its defaults, which refuse DSA, Elgamal, secp256k1, MD5 and
// RIPEMD-160.
func policy() *packet.Config {
	return &packet.Config{MinRSABits: minRSA}
}

// rsaBits returns the true length of an RSA modulus, 0 for other keys. The library's own check believes the length
// that the modulus claims, which leading zeros can make up.
func rsaBits(pub *packet.PublicKey) int {
	if key, ok := pub.PublicKey.(*rsa.PublicKey); ok {
		return key.N.BitLen()
	}
	return 0
}

// weakness names an algorithm that protects nothing any more, "" for a sound one.
func weakness(pub *packet.PublicKey) string {
	switch pub.PubKeyAlgo {
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSAEncryptOnly, packet.PubKeyAlgoRSASignOnly:
		if bits := rsaBits(pub); bits < minRSA {
			return fmt.Sprintf("its RSA key of %d bits is too short", bits)
		}
	case packet.PubKeyAlgoDSA:
		return "its DSA key is obsolete"
	case packet.PubKeyAlgoElGamal:
		return "its Elgamal key is obsolete"
	}
	if curve, err := pub.Curve(); err == nil && curve == packet.CurveSecP256k1 {
		return "its key on the curve secp256k1 is not accepted"
	}
	return ""
}

// settle checks every self-signature of the entity once, whatever its time. go-crypto would do so at first use and
// remember the outcome in the entity: without a lock, and with the clock and policy of that first use. After settle
// it finds nothing left to remember, so that the entity may be read from several goroutines and asked about any
// time. It reports whether a signature was refused for its hash alone.
func settle(e *openpgp.Entity) (weakHash bool) {
	primary := e.PrimaryKey
	judge := func(s *packet.VerifiableSignature, err error) {
		valid := err == nil && !hasUnknownCriticalNotation(s.Packet)
		if valid && !acceptableHash(s.Packet) {
			valid, weakHash = false, true
		}
		s.Valid = &valid
	}
	// A revocation counts whatever its hash: to ignore one is the greater danger.
	revokes := func(s *packet.VerifiableSignature, err error) {
		valid := err == nil
		s.Valid = &valid
	}
	for _, s := range e.Revocations {
		revokes(s, primary.VerifyRevocationSignature(s.Packet))
	}
	for _, s := range e.DirectSignatures {
		judge(s, primary.VerifyDirectKeySignature(s.Packet))
	}
	for _, id := range e.Identities {
		id.OtherCertifications = nil
		for _, s := range id.SelfCertifications {
			judge(s, primary.VerifyUserIdSignature(id.Name, primary, s.Packet))
		}
		for _, s := range id.Revocations {
			revokes(s, primary.VerifyUserIdSignature(id.Name, primary, s.Packet))
		}
	}
	for _, sub := range e.Subkeys {
		for _, s := range sub.Bindings {
			judge(s, primary.VerifyKeySignature(sub.PublicKey, s.Packet))
		}
		for _, s := range sub.Revocations {
			revokes(s, primary.VerifySubkeyRevocationSignature(s.Packet, sub.PublicKey))
		}
	}
	return weakHash
}

func acceptableHash(s *packet.Signature) bool {
	if s.EmbeddedSignature != nil && !acceptableHash(s.EmbeddedSignature) {
		return false
	}
	return s.Hash != crypto.SHA1 || s.CreationTime.Before(sha1Cutoff)
}

func usesSHA1(s *packet.Signature) bool {
	return s.Hash == crypto.SHA1 || s.EmbeddedSignature != nil && s.EmbeddedSignature.Hash == crypto.SHA1
}

// hasUnknownCriticalNotation follows RFC 9580, section 5.2.3.7: such a signature is in error. No notation is known
// here.
func hasUnknownCriticalNotation(s *packet.Signature) bool {
	for _, n := range s.Notations {
		if n.IsCritical {
			return true
		}
	}
	return false
}
