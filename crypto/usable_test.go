package crypto_test

import (
	stdcrypto "crypto"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealmilter/crypto"
)

func wantReason(t testing.TB, err error, reason crypto.Reason, text string) {
	t.Helper()
	var u *crypto.Unusable
	if !errors.As(err, &u) || u.Reason != reason || u.Error() != text {
		t.Errorf("error %v, want %v: %s", err, reason, text)
	}
}

// TestCheck tells apart all that makes a certificate unusable.
func TestCheck(t *testing.T) {
	made := now.Add(-10 * day)
	// changed returns a certificate whose library entity went through f before it was written.
	changed := func(f func(e *openpgp.Entity)) *crypto.Cert {
		t.Helper()
		e := newEntity(t, at(made))
		f(e)
		return cert(t, e)
	}
	revoked := func(reason packet.ReasonForRevocation, when time.Time) *crypto.Cert {
		return changed(func(e *openpgp.Entity) {
			if err := e.Revoke(reason, "", at(when)); err != nil {
				t.Fatal(err)
			}
		})
	}
	parse := func(b []byte) *crypto.Cert {
		t.Helper()
		c, err := crypto.ParseCert(b)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	small := smallRSA(t)
	for _, tc := range []struct {
		name   string
		cert   *crypto.Cert
		reason crypto.Reason
		text   string // "" for a usable one
	}{
		{name: "good", cert: changed(func(*openpgp.Entity) {})},
		{"expired", cert(t, newEntity(t, at(made, func(c *packet.Config) { c.KeyLifetimeSecs = 86400 }))),
			crypto.Expired, "its certificate expired on 2025-12-24"},
		{"expired by its direct-key signature", changed(func(e *openpgp.Entity) { addDirectSignature(t, e, made, 3*day) }),
			crypto.Expired, "its certificate expired on 2025-12-26"},
		{"encryption subkey expired", changed(func(e *openpgp.Entity) {
			lifetime := uint32(2 * 86400)
			e.Subkeys[0].Bindings[0].Packet.KeyLifetimeSecs = &lifetime
			resign(t, e, stdcrypto.SHA256, made)
		}), crypto.Expired, "its encryption subkey expired on 2025-12-25"},
		{"self-signature expired", changed(func(e *openpgp.Entity) {
			lifetime := uint32(86400)
			e.Identities["Test <test@example.org>"].SelfCertifications[0].Packet.SigLifetimeSecs = &lifetime
			resign(t, e, stdcrypto.SHA256, made)
		}), crypto.Expired, "its self-signature has expired"},
		{"compromised", revoked(packet.KeyCompromised, made.Add(day)), crypto.Revoked, "its certificate is revoked"},
		{"compromised later", revoked(packet.KeyCompromised, now.Add(day)), crypto.Revoked, "its certificate is revoked"},
		{"superseded", revoked(packet.KeySuperseded, made.Add(day)), crypto.Revoked, "its certificate is revoked"},
		{name: "superseded later", cert: revoked(packet.KeySuperseded, now.Add(day))},
		{"subkey revoked", changed(func(e *openpgp.Entity) {
			if err := e.Subkeys[0].Revoke(packet.KeyRetired, "", at(made.Add(day))); err != nil {
				t.Fatal(err)
			}
		}), crypto.Revoked, "its encryption subkey is revoked"},
		{"from the future", cert(t, newEntity(t, at(now.Add(day)))),
			crypto.NotYetValid, "its certificate is valid only from 2026-01-03"},
		{"signed in the future", changed(func(e *openpgp.Entity) { resign(t, e, stdcrypto.SHA256, now.Add(day)) }),
			crypto.NotYetValid, "its self-signature is valid only from 2026-01-03"},
		{"no subkey", changed(func(e *openpgp.Entity) { e.Subkeys = nil }),
			crypto.NoEncryption, "it has no key to encrypt to"},
		{"no key flags", changed(func(e *openpgp.Entity) {
			e.Subkeys[0].Bindings[0].Packet.FlagsValid = false
			resign(t, e, stdcrypto.SHA256, made)
		}), crypto.NoEncryption, "it has no key to encrypt to"},
		{"another's subkey", changed(func(e *openpgp.Entity) { e.Subkeys = newEntity(t, at(made)).Subkeys }),
			crypto.Malformed, "its encryption subkey is not bound to it by a valid signature"},
		{"self-signature by another", changed(func(e *openpgp.Entity) {
			e.PrivateKey = newEntity(t, at(made)).PrivateKey
			e.PrivateKey.PublicKey = *e.PrimaryKey
			resign(t, e, stdcrypto.SHA256, made)
		}), crypto.Malformed, "it has no valid self-signature"},
		{"unknown critical notation", changed(func(e *openpgp.Entity) {
			e.Identities["Test <test@example.org>"].SelfCertifications[0].Packet.Notations =
				[]*packet.Notation{{Name: "must@example.org", IsCritical: true}}
			resign(t, e, stdcrypto.SHA256, made)
		}), crypto.Malformed, "it has no valid self-signature"},
		{"RSA 1024", cert(t, newEntity(t, at(made, func(c *packet.Config) {
			c.Algorithm, c.RSABits = packet.PubKeyAlgoRSA, 1024
		}))), crypto.Weak, "its RSA key of 1024 bits is too short"},
		{"RSA 1024 that claims 2048", parse(forgedRSA(t, rsaPacket(2048, slices.Concat(make([]byte, 128), small.N.Bytes())), small)),
			crypto.Weak, "its RSA key of 1024 bits is too short"},
		{"a subkey of RSA 1024 that claims 2048", changed(func(e *openpgp.Entity) {
			modulus := slices.Concat(make([]byte, 128), small.N.Bytes())
			e.Subkeys[0].PublicKey = readPublicKey(t, 14, rsaPacket(2048, modulus))
			resign(t, e, stdcrypto.SHA256, now.Add(-day))
		}), crypto.Weak, "its RSA key of 1024 bits is too short"},
		{"secp256k1", cert(t, newEntity(t, at(made, func(c *packet.Config) {
			c.Algorithm, c.Curve = packet.PubKeyAlgoECDSA, packet.CurveSecP256k1
		}))), crypto.Weak, "its key on the curve secp256k1 is not accepted"},
		{"DSA", readArmoredCert(t, "testdata/dsa.asc"), crypto.Weak, "its DSA key is obsolete"},
		{"Elgamal", readArmoredCert(t, "testdata/elgamal.asc"), crypto.Weak, "its Elgamal key is obsolete"},
		{"SHA-1", changed(func(e *openpgp.Entity) { resign(t, e, stdcrypto.SHA1, made) }),
			crypto.Weak, "its self-signature uses SHA-1 and was made after 2023-02-01"},
		{"SHA-1 of the subkey", changed(func(e *openpgp.Entity) {
			resign(t, e, stdcrypto.SHA1, made)
			sig := e.Identities["Test <test@example.org>"].SelfCertifications[0].Packet
			sig.Hash = stdcrypto.SHA256
			if err := sig.SignUserId("Test <test@example.org>", e.PrimaryKey, e.PrivateKey, at(made)); err != nil {
				t.Fatal(err)
			}
		}), crypto.Weak, "its encryption subkey is bound by SHA-1 after 2023-02-01"},
	} {
		err := tc.cert.Check(now)
		if tc.text == "" {
			if err != nil {
				t.Errorf("%s: %v", tc.name, err)
			}
			continue
		}
		var u *crypto.Unusable
		if !errors.As(err, &u) || u.Reason != tc.reason || u.Error() != tc.text {
			t.Errorf("%s: %v, want %v: %s", tc.name, err, tc.reason, tc.text)
		}
		if _, err := sealer().Encrypt(nil, nil, []*crypto.Cert{tc.cert}, crypto.EncryptOptions{}); !errors.As(err, &u) ||
			!strings.Contains(err.Error(), tc.cert.Fingerprint()) {
			t.Errorf("%s: Encrypt: %v", tc.name, err)
		}
	}
}

// TestCheckAtAnyTime asks about the past after the present: the library would remember the first answer.
func TestCheckAtAnyTime(t *testing.T) {
	c := cert(t, newEntity(t, at(now.Add(-10*day), func(c *packet.Config) { c.KeyLifetimeSecs, c.SigLifetimeSecs = 5*86400, 6*86400 })))
	for _, tc := range []struct {
		at time.Time
		ok bool
	}{{now, false}, {now.Add(-6 * day), true}, {now.Add(-11 * day), false}, {now.Add(-10 * day), true}} {
		if err := c.Check(tc.at); (err == nil) != tc.ok {
			t.Errorf("at %v: %v", tc.at, err)
		}
	}
}

func TestExpires(t *testing.T) {
	e := newEntity(t, at(now.Add(-10*day), func(c *packet.Config) { c.KeyLifetimeSecs = 30 * 86400 }))
	expires := func(want time.Time) {
		t.Helper()
		if got, ok := cert(t, e).Expires(now); ok != !want.IsZero() || !got.Equal(want) {
			t.Errorf("expires %v, %v; want %v", got, ok, want)
		}
	}
	expires(now.Add(20 * day))
	lifetime := uint32(15 * 86400)
	e.Subkeys[0].Bindings[0].Packet.KeyLifetimeSecs = &lifetime
	resign(t, e, stdcrypto.SHA256, now.Add(-10*day))
	expires(now.Add(5 * day))
	if err := e.AddEncryptionSubkey(at(now.Add(-day), func(c *packet.Config) { c.KeyLifetimeSecs = 10 * 86400 })); err != nil {
		t.Fatal(err)
	}
	expires(now.Add(9 * day))
	addDirectSignature(t, e, now.Add(-day), 12*day)
	expires(now.Add(2 * day))
	e = newEntity(t, at(now.Add(-10*day)))
	expires(time.Time{})
	if err := e.AddEncryptionSubkey(at(now.Add(-day), func(c *packet.Config) { c.KeyLifetimeSecs = 86400 })); err != nil {
		t.Fatal(err)
	}
	expires(time.Time{})
}
