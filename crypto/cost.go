package crypto

import (
	"bytes"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// What checking the signatures of one certificate may cost: at most about a second.
const (
	maxRSA            = 16384 // bits
	maxDSA            = 1300  // octets of the packet: 3072 bits
	maxSlowSignatures = 100
)

// tooCostly reports whether checking all self-signatures of the entity could take many seconds. It does no maths.
func tooCostly(e *openpgp.Entity) bool {
	n := len(e.Revocations) + len(e.DirectSignatures)
	for _, id := range e.Identities {
		n += len(id.SelfCertifications) + len(id.Revocations)
	}
	keys := []*packet.PublicKey{e.PrimaryKey}
	for _, sub := range e.Subkeys {
		n += len(sub.Bindings) + len(sub.Revocations)
		keys = append(keys, sub.PublicKey) // a signing subkey signs its binding, too
	}
	for _, pub := range keys {
		if pub.CanSign() && (exorbitant(pub) || n > maxSlowSignatures && slow(pub)) {
			return true
		}
	}
	return false
}

func exorbitant(pub *packet.PublicKey) bool {
	if pub.PubKeyAlgo == packet.PubKeyAlgoDSA {
		var b bytes.Buffer
		return pub.Serialize(&b) != nil || b.Len() > maxDSA
	}
	return rsaBits(pub) > maxRSA
}

// slow names the keys by which one check takes a millisecond and more: curves without fast code, DSA, hash-based
// signatures and huge RSA.
func slow(pub *packet.PublicKey) bool {
	switch pub.PubKeyAlgo {
	case packet.PubKeyAlgoEdDSA, packet.PubKeyAlgoEd25519, packet.PubKeyAlgoEd448,
		packet.PubKeyAlgoMldsa65Ed25519, packet.PubKeyAlgoMldsa87Ed448:
		return false
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSASignOnly:
		return rsaBits(pub) > 4096
	case packet.PubKeyAlgoECDSA:
		curve, err := pub.Curve()
		return err != nil || curve != packet.CurveNistP256
	}
	return true
}
