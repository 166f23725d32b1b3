// Package stock signs and encrypts with go-crypto as its documentation says, each copy by itself: what the package crypto
// is compared to.
package stock

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// Key is somebody's. One goroutine at a time may use it.
type Key struct {
	entity  *openpgp.Entity
	encrypt *packet.PublicKey
}

// NewKey reads a certificate or an unlocked secret key. One that asks for AEAD is refused: the packets are others then.
func NewKey(binary []byte, now time.Time) (*Key, error) {
	ring, err := openpgp.ReadKeyRing(bytes.NewReader(binary))
	if err != nil {
		return nil, err
	}
	if len(ring) != 1 {
		return nil, fmt.Errorf("%d keys in the place of one", len(ring))
	}
	cfg := config(now)
	encrypt, err := ring[0].EncryptionKeyWithError(now, cfg)
	if err != nil {
		return nil, err
	}
	if encrypt.PublicKey.Version > 4 {
		return nil, fmt.Errorf("a key of version %d", encrypt.PublicKey.Version)
	}
	return &Key{ring[0], encrypt.PublicKey}, nil
}

func config(now time.Time) *packet.Config {
	return &packet.Config{
		Rand:                   rand.Reader,
		Time:                   func() time.Time { return now },
		DefaultCipher:          packet.CipherAES256,
		DefaultCompressionAlgo: packet.CompressionNone,
	}
}

// Seal writes the payload, signed by one and encrypted to another, with an ASCII armor.
func Seal(w io.Writer, by, to *Key, payload []byte, now time.Time) error {
	armored, err := armor.Encode(w, "PGP MESSAGE", nil)
	if err != nil {
		return err
	}
	plain, err := openpgp.Encrypt(armored, []*openpgp.Entity{to.entity}, nil, []*openpgp.Entity{by.entity}, nil, config(now))
	if err != nil {
		return err
	}
	// In pieces, as from a file: in one piece, the library makes a copy of all.
	if _, err := io.Copy(plain, struct{ io.Reader }{bytes.NewReader(payload)}); err != nil {
		return err
	}
	if err := plain.Close(); err != nil {
		return err
	}
	return armored.Close()
}

// SessionKeyPacket writes the packet that gives a session key to a reader (RFC 9580, section 5.1): the part of a copy that
// cannot be the same for two readers.
func SessionKeyPacket(w io.Writer, to *Key, sessionKey []byte, now time.Time) error {
	return packet.SerializeEncryptedKeyAEAD(w, to.encrypt, packet.CipherAES256, false, sessionKey, config(now))
}
