package crypto

import (
	"bytes"
	"crypto"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealmilter/internal/mail"
)

// Algorithm is a kind of key that [Generate] makes.
type Algorithm uint8

const (
	// Ed25519 makes version 4 keys that every client of the last ten years reads: Ed25519 to sign, Curve25519 to
	// encrypt.
	Ed25519 Algorithm = iota
	// RSA4096 makes keys for clients older than that. It takes seconds.
	RSA4096
	// V6 makes version 6 keys (RFC 9580): Ed25519 to sign, X25519 to encrypt, and they ask for AEAD. GnuPG cannot read
	// them.
	V6
)

// GenerateOptions says what key to make. Now and Rand must be set.
type GenerateOptions struct {
	// Name goes before the address in the User ID, if it is not empty.
	Name string
	Now  time.Time
	// Rand is not used by the Go standard library for RSA.
	Rand io.Reader
	// Lifetime ends the key that long after Now; 0 lets it live until it is revoked. It is rounded down to seconds.
	Lifetime  time.Duration
	Algorithm Algorithm
}

// Generate makes an unlocked secret key for an address: a primary key that certifies and signs, and an encryption
// subkey.
func Generate(addr mail.Addr, o GenerateOptions) (*SecretKey, error) {
	cfg := &packet.Config{
		Rand:            o.Rand,
		Time:            func() time.Time { return o.Now },
		DefaultHash:     crypto.SHA512,
		DefaultCipher:   packet.CipherAES256,
		KeyLifetimeSecs: uint32(o.Lifetime / time.Second),
	}
	switch o.Algorithm {
	case Ed25519:
		cfg.Algorithm = packet.PubKeyAlgoEdDSA
		cfg.Curve = packet.Curve25519
	case RSA4096:
		cfg.Algorithm = packet.PubKeyAlgoRSA
		cfg.RSABits = 4096
	case V6:
		cfg.Algorithm = packet.PubKeyAlgoEd25519
		cfg.V6Keys = true
		cfg.AEADConfig = &packet.AEADConfig{DefaultMode: packet.AEADModeOCB}
	default:
		return nil, fmt.Errorf("generate a key for %s: unknown algorithm %d", addr, o.Algorithm)
	}
	switch {
	case addr.Domain() == "":
		return nil, fmt.Errorf("generate a key for %q: a key needs an address with a domain", addr)
	case o.Lifetime < 0 || o.Lifetime/time.Second > math.MaxUint32 || o.Lifetime > 0 && o.Lifetime < time.Second:
		return nil, fmt.Errorf("generate a key for %s: a key cannot live for %v", addr, o.Lifetime)
	case !utf8.ValidString(o.Name) || strings.ContainsFunc(o.Name, unicode.IsControl):
		return nil, fmt.Errorf("generate a key for %s: the name has control characters or is not UTF-8", addr)
	}
	e, err := openpgp.NewEntity(o.Name, "", addr.String(), cfg)
	if err != nil {
		return nil, fmt.Errorf("generate a key for %s: %s", addr, plain(err))
	}
	var b bytes.Buffer
	if err := e.SerializePrivateWithoutSigning(&b, cfg); err != nil {
		return nil, fmt.Errorf("generate a key for %s: %w", addr, err)
	}
	k, err := ParseSecretKey(b.Bytes())
	if err != nil {
		return nil, fmt.Errorf("generate a key for %s: %w", addr, err)
	}
	if err := k.Cert().Check(o.Now); err != nil {
		return nil, fmt.Errorf("generate a key for %s: %w", addr, err)
	}
	return k, nil
}
