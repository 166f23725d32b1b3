package crypto

import (
	"fmt"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Algorithm names the primary key and the newest encryption key for people, such as "ed25519+cv25519", or "rsa4096"
// if they are alike.
func (c *Cert) Algorithm() string {
	name := algorithmName(c.entity.PrimaryKey)
	var newest *packet.PublicKey
	for pub := range c.boundKeys {
		if pub.IsSubkey && pub.PubKeyAlgo.CanEncrypt() && (newest == nil || pub.CreationTime.After(newest.CreationTime)) {
			newest = pub
		}
	}
	if newest == nil || algorithmName(newest) == name {
		return name
	}
	return name + "+" + algorithmName(newest)
}

func algorithmName(pub *packet.PublicKey) string {
	bits, _ := pub.BitLength()
	curve, _ := pub.Curve()
	switch pub.PubKeyAlgo {
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSAEncryptOnly, packet.PubKeyAlgoRSASignOnly:
		return fmt.Sprintf("rsa%d", rsaBits(pub))
	case packet.PubKeyAlgoDSA:
		return fmt.Sprintf("dsa%d", bits)
	case packet.PubKeyAlgoElGamal:
		return fmt.Sprintf("elg%d", bits)
	case packet.PubKeyAlgoEdDSA, packet.PubKeyAlgoEd25519, packet.PubKeyAlgoEd448:
		return strings.Replace(strings.ToLower(string(curve)), "curve", "ed", 1)
	case packet.PubKeyAlgoECDH, packet.PubKeyAlgoECDSA:
		return strings.Replace(strings.ToLower(string(curve)), "curve", "cv", 1)
	case packet.PubKeyAlgoX25519:
		return "x25519"
	case packet.PubKeyAlgoX448:
		return "x448"
	case packet.PubKeyAlgoMlkem768X25519:
		return "mlkem768x25519"
	case packet.PubKeyAlgoMlkem1024X448:
		return "mlkem1024x448"
	case packet.PubKeyAlgoMldsa65Ed25519:
		return "mldsa65ed25519"
	case packet.PubKeyAlgoMldsa87Ed448:
		return "mldsa87ed448"
	case packet.PubKeyAlgoSlhdsaShake128s, packet.PubKeyAlgoSlhdsaShake128f, packet.PubKeyAlgoSlhdsaShake256s:
		return "slhdsa"
	}
	return fmt.Sprintf("algorithm%d", pub.PubKeyAlgo)
}
