package crypto

import (
	"bytes"
	"crypto"
	"fmt"
	"io"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Sealer signs and encrypts. Both fields must be set. It is safe for concurrent use if they are.
type Sealer struct {
	// Now is the time of signatures and the time at which keys must be valid.
	Now func() time.Time
	// Rand is the source of session keys, ephemeral keys and salts. The Go standard library does not use it for RSA.
	Rand io.Reader
}

// Signature is a detached signature over the payload as it is: a binary document (RFC 9580, section 5.2.1.1).
type Signature struct {
	// Armored is a "PGP SIGNATURE" block with CRLF line ends.
	Armored []byte
	// MicAlg is the hash that was used, as multipart/signed names it (RFC 3156, section 5), such as "pgp-sha256".
	MicAlg string
}

// Sign makes a detached signature. It fails with an [*Unusable] if the key may not sign now.
func (s *Sealer) Sign(payload Payload, by *Signer) (*Signature, error) {
	sig, err := s.sign(payload, by, nil, s.config())
	if err != nil {
		return nil, err
	}
	var raw, armored bytes.Buffer
	if err := sig.Serialize(&raw); err != nil {
		return nil, fmt.Errorf("sign with %s: %w", by.cert.Fingerprint(), err)
	}
	block := armorFrame{label: armorSignature, eol: "\r\n", checksum: sig.Version < 6}
	if _, err := block.write(&armored, raw.Bytes()); err != nil {
		return nil, err
	}
	return &Signature{Armored: armored.Bytes(), MicAlg: micAlgs[sig.Hash]}, nil
}

// config is what the library needs for one operation. The time stands still in it.
func (s *Sealer) config() *packet.Config {
	now := s.Now()
	return &packet.Config{
		Rand:          s.Rand,
		Time:          func() time.Time { return now },
		DefaultCipher: packet.CipherAES256,
		// NeoMutt and Mutt show every notation to the reader, and the library's salt would be one, in raw octets.
		NonDeterministicSignaturesViaNotation: packet.BoolPointer(false),
	}
}

var micAlgs = map[crypto.Hash]string{
	crypto.SHA256: "pgp-sha256",
	crypto.SHA384: "pgp-sha384",
	crypto.SHA512: "pgp-sha512",
}

// sign signs the payload for the intended recipients (RFC 9580, section 5.2.3.36), if there are any.
func (s *Sealer) sign(payload Payload, by *Signer, intended []*packet.Recipient, cfg *packet.Config) (*packet.Signature, error) {
	if err := by.Check(cfg.Now()); err != nil {
		return nil, fmt.Errorf("sign with %s: %w", by.cert.Fingerprint(), err)
	}
	pub := &by.key.PublicKey
	sig := &packet.Signature{
		Version:            pub.Version,
		SigType:            packet.SigTypeBinary,
		PubKeyAlgo:         pub.PubKeyAlgo,
		Hash:               signatureHash(pub),
		CreationTime:       cfg.Now(),
		IssuerKeyId:        &pub.KeyId,
		IntendedRecipients: intended,
	}
	h, err := sig.PrepareSign(cfg)
	if err == nil {
		_, err = payload.WriteTo(h)
	}
	if err == nil {
		err = sig.Sign(h, by.key, cfg)
	}
	if err != nil {
		return nil, fmt.Errorf("sign with %s: %w", by.cert.Fingerprint(), err)
	}
	return sig, nil
}

// signatureHash returns the shortest hash of at least 256 bits that is as strong as the key.
func signatureHash(pub *packet.PublicKey) crypto.Hash {
	switch curve, _ := pub.Curve(); curve {
	case packet.CurveNistP384, packet.CurveBrainpoolP384:
		return crypto.SHA384
	case packet.CurveNistP521, packet.CurveBrainpoolP512, packet.Curve448:
		return crypto.SHA512
	}
	switch pub.PubKeyAlgo {
	case packet.PubKeyAlgoMldsa87Ed448, packet.PubKeyAlgoSlhdsaShake256s:
		return crypto.SHA512
	}
	return crypto.SHA256
}
