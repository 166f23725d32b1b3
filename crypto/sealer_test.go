package crypto_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealmilter/crypto"
)

// TestReproducible injects clock and randomness: there are no others.
func TestReproducible(t *testing.T) {
	k := generate(t, "a@example.org")
	var last []byte
	for range 2 {
		by := signer(t, k)
		s := sealer()
		sig, err := s.Sign(crypto.Payload{crypto.Octets("hello")}, by)
		if err != nil {
			t.Fatal(err)
		}
		copies, err := s.Encrypt(crypto.Payload{crypto.Octets("hello")}, by, []*crypto.Cert{k.Cert()}, crypto.EncryptOptions{})
		if err != nil {
			t.Fatal(err)
		}
		b := append(sig.Armored, armored(t, copies[0])...)
		if last != nil && !bytes.Equal(b, last) {
			t.Error("the same clock and randomness give another message")
		}
		last = b
		if got := open(t, armored(t, copies[0]), entity(t, k), entity(t, k)).details.Signature.CreationTime; !got.Equal(now) {
			t.Errorf("signed at %v", got)
		}
	}
	s := sealer()
	s.Rand = strings.NewReader("too little")
	if _, err := s.Encrypt(crypto.Payload{crypto.Octets("hello")}, nil, []*crypto.Cert{k.Cert()}, crypto.EncryptOptions{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("randomness that ends: %v", err)
	}
}

func TestSignatures(t *testing.T) {
	payload := []byte("Content-Type: text/plain\r\n\r\nHello.\r\n")
	for _, tc := range []struct {
		name, micAlg string
		cfg          *packet.Config
		checksum     bool
	}{
		{"ed25519", "pgp-sha256", at(now.Add(-day)), true},
		{"P-384", "pgp-sha384", at(now.Add(-day), func(c *packet.Config) {
			c.Algorithm, c.Curve = packet.PubKeyAlgoECDSA, packet.CurveNistP384
		}), true},
		{"P-521", "pgp-sha512", at(now.Add(-day), func(c *packet.Config) {
			c.Algorithm, c.Curve = packet.PubKeyAlgoECDSA, packet.CurveNistP521
		}), true},
		{"v6", "pgp-sha256", v6(now.Add(-day)), false},
		{"v6 ed448", "pgp-sha512", at(now.Add(-day), func(c *packet.Config) {
			c.Algorithm, c.V6Keys = packet.PubKeyAlgoEd448, true
		}), false},
	} {
		e := newEntity(t, tc.cfg)
		k, err := crypto.ParseSecretKey(secretBytes(t, e))
		if err != nil {
			t.Fatal(err)
		}
		sig, err := sealer().Sign(crypto.Payload{crypto.Octets(payload)}, signer(t, k))
		if err != nil {
			t.Fatal(err)
		}
		if sig.MicAlg != tc.micAlg {
			t.Errorf("%s: micalg %q, want %q", tc.name, sig.MicAlg, tc.micAlg)
		}
		text := string(sig.Armored)
		if !strings.HasPrefix(text, "-----BEGIN PGP SIGNATURE-----\r\n\r\n") || !strings.HasSuffix(text, "\r\n-----END PGP SIGNATURE-----\r\n") ||
			strings.Contains(text, "\r\n=") != tc.checksum || strings.Count(text, "\n") != strings.Count(text, "\r\n") {
			t.Errorf("%s:\n%q", tc.name, text)
		}
		_, _, err = openpgp.VerifyArmoredDetachedSignature(openpgp.EntityList{e}, bytes.NewReader(payload), bytes.NewReader(sig.Armored), at(now))
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		p, err := packet.Read(bytes.NewReader(dearmored(t, sig.Armored)))
		if err != nil {
			t.Fatal(err)
		}
		if got := p.(*packet.Signature); got.SigType != packet.SigTypeBinary || !got.CreationTime.Equal(now) {
			t.Errorf("%s: type %v at %v", tc.name, got.SigType, got.CreationTime)
		}
	}
}

// TestKeysExpireInMidMessage lets the clock run on after everything was found in order.
func TestKeysExpireInMidMessage(t *testing.T) {
	k, err := crypto.Generate(address(t, "a@example.org"), crypto.GenerateOptions{Now: now.Add(-day), Rand: random(), Lifetime: 2 * day})
	if err != nil {
		t.Fatal(err)
	}
	by := signer(t, k)
	s := sealer()
	s.Now = func() time.Time { return now.Add(2 * day) }
	const text = "its certificate expired on 2026-01-03"
	wantReason(t, by.Check(s.Now()), crypto.Expired, text)
	_, err = s.Sign(crypto.Payload{crypto.Octets("hello")}, by)
	var u *crypto.Unusable
	if !errors.As(err, &u) || u.Reason != crypto.Expired {
		t.Errorf("Sign: %v", err)
	}
	other := generate(t, "b@example.org")
	if _, err = s.Encrypt(crypto.Payload{crypto.Octets("hello")}, by, []*crypto.Cert{other.Cert()}, crypto.EncryptOptions{}); !errors.As(err, &u) {
		t.Errorf("Encrypt by an expired key: %v", err)
	}
	if _, err = s.Encrypt(crypto.Payload{crypto.Octets("hello")}, signer(t, other), []*crypto.Cert{other.Cert(), k.Cert()}, crypto.EncryptOptions{}); !errors.As(err, &u) {
		t.Errorf("Encrypt to an expired key: %v", err)
	}
}
