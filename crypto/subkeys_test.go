package crypto_test

import (
	"bytes"
	stdcrypto "crypto"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealmilter/crypto"
)

// with makes keys by an algorithm.
func with(algorithm packet.PublicKeyAlgorithm) func(*packet.Config) {
	return func(c *packet.Config) { c.Algorithm = algorithm }
}

// withSubkeys adds an encryption subkey for each algorithm, a second apart.
func withSubkeys(t testing.TB, cfg *packet.Config, algorithms ...packet.PublicKeyAlgorithm) *openpgp.Entity {
	t.Helper()
	e := newEntity(t, cfg)
	for i, algorithm := range algorithms {
		sub := at(cfg.Now().Add(time.Duration(i+1)*time.Second), with(algorithm), func(c *packet.Config) {
			c.RSABits, c.V6Keys = 2048, cfg.V6Keys
		})
		if err := e.AddEncryptionSubkey(sub); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

// named lists the keys that the session-key packets of a message name.
func named(t testing.TB, e *openpgp.Entity, message []byte) (subkeys []int) {
	t.Helper()
	for _, p := range packets(t, message) {
		if p.Tag != 1 {
			continue
		}
		at := slices.IndexFunc(e.Subkeys, func(sub openpgp.Subkey) bool {
			if p.Contents[0] == 6 {
				return bytes.Equal(p.Contents[3:3+len(sub.PublicKey.Fingerprint)], sub.PublicKey.Fingerprint)
			}
			return binary.BigEndian.Uint64(p.Contents[1:]) == sub.PublicKey.KeyId
		})
		subkeys = append(subkeys, at)
	}
	return subkeys
}

// only returns a copy of the key that holds one subkey, as one device of its owner may.
func only(t testing.TB, e *openpgp.Entity, subkey int) *openpgp.Entity {
	t.Helper()
	one := *e
	one.Subkeys = e.Subkeys[subkey : subkey+1]
	return &one
}

// TestEverySubkeyOpens encrypts to certificates with several subkeys of all algorithms and opens each copy with each of
// them.
func TestEverySubkeyOpens(t *testing.T) {
	made := now.Add(-10 * day)
	sender := generate(t, "sender@example.net")
	for _, tc := range []struct {
		name       string
		entity     *openpgp.Entity
		keyVersion byte
		algorithms []packet.PublicKeyAlgorithm // beside the first subkey's
	}{
		{"v4", withSubkeys(t, at(made), packet.PubKeyAlgoRSA, packet.PubKeyAlgoECDH, packet.PubKeyAlgoX25519, packet.PubKeyAlgoX448), 3,
			[]packet.PublicKeyAlgorithm{packet.PubKeyAlgoRSA, packet.PubKeyAlgoECDH, packet.PubKeyAlgoX25519, packet.PubKeyAlgoX448}},
		{"v4 post-quantum", withSubkeys(t, at(made), packet.PubKeyAlgoMlkem768X25519), 3,
			[]packet.PublicKeyAlgorithm{packet.PubKeyAlgoMlkem768X25519}},
		{"v4 post-quantum with AEAD", withSubkeys(t, at(made, func(c *packet.Config) { c.AEADConfig = &packet.AEADConfig{} }),
			packet.PubKeyAlgoMlkem768X25519), 6, []packet.PublicKeyAlgorithm{packet.PubKeyAlgoMlkem768X25519}},
		{"v6", withSubkeys(t, v6(made), packet.PubKeyAlgoX448, packet.PubKeyAlgoMlkem768X25519, packet.PubKeyAlgoMlkem1024X448), 6,
			[]packet.PublicKeyAlgorithm{packet.PubKeyAlgoX448, packet.PubKeyAlgoMlkem768X25519, packet.PubKeyAlgoMlkem1024X448}},
		{"v6 post-quantum", withSubkeys(t, at(made, func(c *packet.Config) {
			c.Algorithm, c.V6Keys, c.AEADConfig = packet.PubKeyAlgoMldsa87Ed448, true, &packet.AEADConfig{}
		}), packet.PubKeyAlgoMlkem768X25519), 6, []packet.PublicKeyAlgorithm{packet.PubKeyAlgoMlkem768X25519}},
		{"v6 that announces nothing", announcingNothing(t, withSubkeys(t, v6(made), packet.PubKeyAlgoMlkem768X25519)), 6,
			[]packet.PublicKeyAlgorithm{packet.PubKeyAlgoMlkem768X25519}},
	} {
		c := cert(t, tc.entity)
		for _, o := range []crypto.EncryptOptions{{}, {Hidden: true, Share: true}} {
			copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets("hello")}, signer(t, sender), []*crypto.Cert{c, sender.Cert()}, o)
			if err != nil {
				t.Fatalf("%s: %v", tc.name, err)
			}
			text := armored(t, copies[0])
			raw := dearmored(t, text)
			var want []int
			for i, sub := range tc.entity.Subkeys {
				want = append(want, i)
				if i > 0 && sub.PublicKey.PubKeyAlgo != tc.algorithms[i-1] {
					t.Fatalf("%s: subkey %d is of algorithm %d", tc.name, i, sub.PublicKey.PubKeyAlgo)
				}
				if got := open(t, text, only(t, tc.entity, i), entity(t, sender)); string(got.payload) != "hello" {
					t.Errorf("%s: subkey %d reads %q", tc.name, i, got.payload)
				}
			}
			if got := named(t, tc.entity, raw); !slices.Equal(got, want) || packets(t, raw)[0].Contents[0] != tc.keyVersion {
				t.Errorf("%s: session-key packets of version %d for %v, want %v", tc.name, packets(t, raw)[0].Contents[0], got, want)
			}
			m, err := crypto.InspectMessage(raw)
			if err != nil || !m.For(c) || m.For(sender.Cert()) || m.Anonymous || len(m.KeyIDs) != len(want) {
				t.Errorf("%s: %+v, %v", tc.name, m, err)
			}
		}
		copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets("hello")}, nil, []*crypto.Cert{c}, crypto.EncryptOptions{NewestOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		if got := named(t, tc.entity, dearmored(t, armored(t, copies[0]))); !slices.Equal(got, []int{len(tc.algorithms)}) {
			t.Errorf("%s: the newest alone: %v", tc.name, got)
		}
	}
}

// TestNewestOfTheSameAge prefers what stands up to a quantum computer.
func TestNewestOfTheSameAge(t *testing.T) {
	for _, order := range [][]packet.PublicKeyAlgorithm{
		{packet.PubKeyAlgoMlkem768X25519, packet.PubKeyAlgoX25519}, {packet.PubKeyAlgoX25519, packet.PubKeyAlgoMlkem768X25519},
	} {
		e := newEntity(t, at(now.Add(-10*day)))
		for _, algorithm := range order {
			if err := e.AddEncryptionSubkey(at(now.Add(-day), with(algorithm))); err != nil {
				t.Fatal(err)
			}
		}
		copies, err := sealer().Encrypt(nil, nil, []*crypto.Cert{cert(t, e)}, crypto.EncryptOptions{NewestOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		got := named(t, e, dearmored(t, armored(t, copies[0])))
		if len(got) != 1 || e.Subkeys[got[0]].PublicKey.PubKeyAlgo != packet.PubKeyAlgoMlkem768X25519 {
			t.Errorf("subkeys %v", got)
		}
	}
}

// TestUnfitSubkeysAreSkipped spoils one subkey after the other until none is left.
func TestUnfitSubkeysAreSkipped(t *testing.T) {
	const id = "Test <test@example.org>"
	made := now.Add(-10 * day)
	again := func(e *openpgp.Entity, i int, change func(sig *packet.Signature)) {
		sig := e.Subkeys[i].Bindings[0].Packet
		change(sig)
		if err := sig.SignKey(e.Subkeys[i].PublicKey, e.PrivateKey, at(sig.CreationTime, unsalted)); err != nil {
			t.Fatal(err)
		}
	}
	lifetime := uint32(86400)
	spoil := []struct {
		name   string
		change func(e *openpgp.Entity, i int)
		reason crypto.Reason
		text   string // when it is the only one
	}{
		{"revoked", func(e *openpgp.Entity, i int) {
			if err := e.Subkeys[i].Revoke(packet.KeyRetired, "", at(now.Add(-day))); err != nil {
				t.Fatal(err)
			}
		}, crypto.Revoked, "its encryption subkey is revoked"},
		{"expired", func(e *openpgp.Entity, i int) {
			again(e, i, func(s *packet.Signature) { s.KeyLifetimeSecs = &lifetime })
		}, crypto.Expired, "its encryption subkey expired on 2025-12-24"},
		{"without flags", func(e *openpgp.Entity, i int) {
			again(e, i, func(s *packet.Signature) { s.FlagEncryptCommunications, s.FlagEncryptStorage = false, false })
		}, crypto.NoEncryption, "it has no key to encrypt to"},
		{"for split keys only", func(e *openpgp.Entity, i int) {
			again(e, i, func(s *packet.Signature) {
				s.FlagEncryptCommunications, s.FlagEncryptStorage, s.FlagSplitKey = false, false, true
			})
		}, crypto.NoEncryption, "it has no key to encrypt to"},
		{"bound by SHA-1", func(e *openpgp.Entity, i int) {
			again(e, i, func(s *packet.Signature) { s.Hash = stdcrypto.SHA1 })
		}, crypto.Weak, "its encryption subkey is bound by SHA-1 after 2023-02-01"},
		{"from the future", func(e *openpgp.Entity, i int) {
			again(e, i, func(s *packet.Signature) { s.CreationTime = now.Add(day) })
		}, crypto.NotYetValid, "its encryption subkey is valid only from 2026-01-03"},
		{"not bound", func(e *openpgp.Entity, i int) {
			e.Subkeys[i].Bindings = newEntity(t, at(made)).Subkeys[0].Bindings
		}, crypto.Malformed, "its encryption subkey is not bound to it by a valid signature"},
	}
	all := newEntity(t, at(made))
	for i := range spoil {
		if err := all.AddEncryptionSubkey(at(made.Add(time.Duration(i+1) * time.Second))); err != nil {
			t.Fatal(err)
		}
	}
	for i, tc := range spoil {
		tc.change(all, i)
		copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets("hello")}, nil, []*crypto.Cert{cert(t, all)}, crypto.EncryptOptions{})
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		var want []int
		for rest := i + 1; rest < len(all.Subkeys); rest++ {
			want = append(want, rest)
		}
		if got := named(t, all, dearmored(t, armored(t, copies[0]))); !slices.Equal(got, want) {
			t.Errorf("%s: encrypted to %v, want %v", tc.name, got, want)
		}
		alone := newEntity(t, at(made))
		tc.change(alone, 0)
		wantReason(t, cert(t, alone).Check(now), tc.reason, tc.text)
	}
	if len(all.Identities[id].SelfCertifications) != 1 {
		t.Fatal("not the certificate that was meant")
	}
}

// TestWeakSubkeyBesideAGoodOne has Elgamal, short RSA and an algorithm that nobody knows beside a sound subkey.
func TestWeakSubkeyBesideAGoodOne(t *testing.T) {
	e := newEntity(t, at(now.Add(-10*day)))
	if err := e.AddEncryptionSubkey(at(now.Add(-day), with(packet.PubKeyAlgoRSA), func(c *packet.Config) { c.RSABits = 1024 })); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"unknown last":  slices.Concat(certBytes(t, e), unknownSubkey(t, e)),
		"unknown first": slices.Concat(slices.Concat(parts(t, certBytes(t, e))[:2]...), unknownSubkey(t, e), slices.Concat(parts(t, certBytes(t, e))[2:]...)),
	} {
		copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets("hello")}, nil, []*crypto.Cert{parsedCert(t, b)}, crypto.EncryptOptions{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := named(t, e, dearmored(t, armored(t, copies[0]))); !slices.Equal(got, []int{0}) {
			t.Errorf("%s: encrypted to %v", name, got)
		}
	}
	alone := only(t, e, 1)
	wantReason(t, cert(t, alone).Check(now), crypto.Weak, "its RSA key of 1024 bits is too short")
	alone.Subkeys = nil
	_, err := sealer().Encrypt(nil, nil, []*crypto.Cert{parsedCert(t, slices.Concat(certBytes(t, alone), unknownSubkey(t, e)))}, crypto.EncryptOptions{})
	var u *crypto.Unusable
	if !errors.As(err, &u) || u.Reason != crypto.NoEncryption {
		t.Errorf("only a subkey of an unknown algorithm: %v", err)
	}
}

// TestGnuPGOpensWithEither lets gpg open a copy with one of two subkeys, whichever it has.
func TestGnuPGOpensWithEither(t *testing.T) {
	g := newGnuPG(t)
	g.quickKey("Ed <ed@example.org>", "future-default", "")
	c := parsedCert(t, g.exported("--export"))
	g.run(nil, "--passphrase", "", "--quick-add-key", c.Fingerprint(), "rsa2048", "encr", "never")
	c = parsedCert(t, g.exported("--export"))
	secret := g.exported("--export-secret-keys")
	sender := generate(t, "sender@example.net")
	copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets("hello")}, signer(t, sender), []*crypto.Cert{c}, crypto.EncryptOptions{})
	if err != nil {
		t.Fatal(err)
	}
	message := armored(t, copies[0])
	if n := len(packets(t, dearmored(t, message))); n != 3 {
		t.Fatalf("%d packets", n)
	}
	all := parts(t, secret)
	if len(all) != 4 {
		t.Fatalf("%d parts", len(all))
	}
	for i := range 2 {
		device := newGnuPG(t)
		device.run(slices.Concat(all[0], all[1], all[2+i]), "--import")
		device.importCert(sender.Cert())
		if got := device.decrypt(message, sender.Cert()); string(got) != "hello" {
			t.Errorf("subkey %d: gpg reads %q", i, got)
		}
	}
}
