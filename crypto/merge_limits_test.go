package crypto_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealmilter/crypto"
)

// TestMergeFindsTheOwnersAmongMany has a new self-signature behind more signatures by others than are checked.
func TestMergeFindsTheOwnersAmongMany(t *testing.T) {
	e := newEntity(t, at(now.Add(-day)))
	c := cert(t, e)
	stranger := newEntity(t, at(now.Add(-day)))
	if err := e.SignIdentity("Test <test@example.org>", stranger, at(now)); err != nil {
		t.Fatal(err)
	}
	foreign := packets(t, signaturePacket(t, e.Identities["Test <test@example.org>"].OtherCertifications[0]))[0].Contents
	if err := e.Revoke(packet.KeyCompromised, "", at(now)); err != nil {
		t.Fatal(err)
	}
	all := parts(t, c.Bytes())
	update := slices.Concat(all[0], all[1])
	for i := range 1500 {
		update = append(update, rawPacket(2, withUnhashed(foreign, []byte{3, 100, byte(i >> 8), byte(i)}))...)
	}
	newer := *e.Identities["Test <test@example.org>"].SelfCertifications[0].Packet
	newer.CreationTime = now
	if err := newer.SignUserId("Test <test@example.org>", e.PrimaryKey, e.PrivateKey, at(now)); err != nil {
		t.Fatal(err)
	}
	update = append(update, signaturePacket(t, packet.NewVerifiableSig(&newer))...)
	m := merged(t, c, slices.Concat(update, signaturePacket(t, e.Revocations[0])))
	if got := len(packets(t, m.Bytes())) - len(packets(t, c.Bytes())); got != 2 || !isRevoked(m) {
		t.Errorf("it takes %d signatures", got)
	}
}

// TestMergeChecksAsManyAsItSays buries a new self-signature and a revocation under forgeries in the owner's name. What
// is checked has a limit, and revocations come first.
func TestMergeChecksAsManyAsItSays(t *testing.T) {
	e := newEntity(t, at(now.Add(-day)))
	c := cert(t, e)
	forged := bytes.Clone(packets(t, signaturePacket(t, e.Identities["Test <test@example.org>"].SelfCertifications[0]))[0].Contents)
	forged[len(forged)-1] ^= 1
	all := parts(t, c.Bytes())
	update := slices.Concat(all[0], all[1])
	for i := range 1200 {
		update = append(update, rawPacket(2, withUnhashed(forged, []byte{3, 100, byte(i >> 8), byte(i)}))...)
	}
	addDirectSignature(t, e, now.Add(-day), 20*day)
	if err := e.Revoke(packet.KeyCompromised, "", at(now)); err != nil {
		t.Fatal(err)
	}
	m, err := c.Merge(slices.Concat(update, signaturePacket(t, e.Revocations[0]), all[2], unknownSubkey(t, e)))
	if err != nil {
		t.Fatal(err)
	}
	if got := len(packets(t, m.Bytes())) - len(packets(t, c.Bytes())); got != 1 || !isRevoked(m) {
		t.Errorf("it takes %d packets, revoked %v", got, isRevoked(m))
	}
}

// TestMergeBeyondLimits joins copies that do not fit together. Revocations do.
func TestMergeBeyondLimits(t *testing.T) {
	many := func(e *openpgp.Entity, from, to int) {
		id := e.Identities["Test <test@example.org>"]
		first := *id.SelfCertifications[0].Packet
		id.SelfCertifications = nil
		for i := from; i < to; i++ {
			sig := first
			sig.CreationTime = now.Add(-day).Add(time.Duration(i) * time.Second)
			if err := sig.SignUserId(id.Name, e.PrimaryKey, e.PrivateKey, at(now)); err != nil {
				t.Fatal(err)
			}
			id.SelfCertifications = append(id.SelfCertifications, packet.NewVerifiableSig(&sig))
		}
	}
	for _, tc := range []struct {
		name  string
		cfg   *packet.Config
		limit int
	}{
		{"signatures", at(now.Add(-10 * day)), 1000},
		{"slow signatures", at(now.Add(-10*day), func(c *packet.Config) {
			c.Algorithm, c.Curve = packet.PubKeyAlgoECDSA, packet.CurveBrainpoolP256
		}), 100},
	} {
		e := newEntity(t, tc.cfg)
		many(e, 0, tc.limit-1) // and the subkey's
		c := cert(t, e)
		many(e, tc.limit, tc.limit+20)
		if err := e.Revoke(packet.KeyCompromised, "", at(now)); err != nil {
			t.Fatal(err)
		}
		update := cert(t, e)
		for _, m := range []*crypto.Cert{merged(t, c, update.Bytes()), merged(t, update, c.Bytes())} {
			signatures := 0
			for _, p := range packets(t, m.Bytes()) {
				if p.Tag == 2 {
					signatures++
				}
			}
			if signatures != tc.limit || !isRevoked(m) {
				t.Errorf("%s: %d signatures, revoked %v", tc.name, signatures, isRevoked(m))
			}
		}
	}
	e := newEntity(t, at(now.Add(-10*day)))
	c := cert(t, e)
	for i := range 90 {
		addUserID(t, e, fmt.Sprintf("a%d@example.org", i))
	}
	full := cert(t, e)
	for name := range e.Identities {
		if name != "Test <test@example.org>" {
			delete(e.Identities, name)
		}
	}
	for i := range 90 {
		addUserID(t, e, fmt.Sprintf("b%d@example.org", i))
	}
	revokeUserID(t, e, "b89@example.org", now)
	revokeUserID(t, e, "Test <test@example.org>", now)
	m := merged(t, full, certBytes(t, e))
	if n := len(m.Addrs()); n != 98 { // of 100 User IDs two are revoked
		t.Errorf("%d addresses", n)
	}
	if n := len(merged(t, c, certBytes(t, e)).Addrs()); n != 89 {
		t.Errorf("%d addresses", n)
	}
}
