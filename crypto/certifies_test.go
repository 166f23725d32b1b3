package crypto_test

import (
	stdcrypto "crypto"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// certify lets one key sign a User ID of another and adds the signature.
func certify(t testing.TB, by, e *openpgp.Entity, id string, when time.Time, change func(*packet.Signature)) {
	t.Helper()
	sig := &packet.Signature{
		Version: by.PrimaryKey.Version, SigType: packet.SigTypeGenericCert, PubKeyAlgo: by.PrimaryKey.PubKeyAlgo,
		Hash: stdcrypto.SHA256, CreationTime: when, IssuerKeyId: &by.PrimaryKey.KeyId,
	}
	if change != nil {
		change(sig)
	}
	if err := sig.SignUserId(id, e.PrimaryKey, by.PrivateKey, at(when, unsalted)); err != nil {
		t.Fatal(err)
	}
	e.Identities[id].OtherCertifications = append(e.Identities[id].OtherCertifications, packet.NewVerifiableSig(sig))
}

// TestCertifies tells certifications that count from those that do not.
func TestCertifies(t *testing.T) {
	const id = "Test <test@example.org>"
	signed := now.Add(-5 * day)
	lifetime := func(d time.Duration) *uint32 {
		n := uint32(d / time.Second)
		return &n
	}
	kind := func(k packet.SignatureType) func(*packet.Signature) {
		return func(s *packet.Signature) { s.SigType = k }
	}
	old := time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name string
		by   *packet.Config // nil: a key of ten days ago
		sign func(by, e *openpgp.Entity)
		at   time.Time // zero: now
		want bool
	}{
		{name: "nobody", sign: func(by, e *openpgp.Entity) {}},
		{name: "generic", want: true, sign: func(by, e *openpgp.Entity) { certify(t, by, e, id, signed, nil) }},
		{name: "positive", want: true, sign: func(by, e *openpgp.Entity) { certify(t, by, e, id, signed, kind(packet.SigTypePositiveCert)) }},
		{name: "version 6", by: v6(now.Add(-10 * day)), want: true,
			sign: func(by, e *openpgp.Entity) { certify(t, by, e, id, signed, nil) }},
		{name: "another type", sign: func(by, e *openpgp.Entity) { certify(t, by, e, id, signed, kind(packet.SigTypeBinary)) }},
		{name: "before it was made", at: signed.Add(-time.Second), sign: func(by, e *openpgp.Entity) { certify(t, by, e, id, signed, nil) }},
		{name: "older than the key", sign: func(by, e *openpgp.Entity) { certify(t, by, e, id, now.Add(-11*day), nil) }},
		{name: "of another User ID", sign: func(by, e *openpgp.Entity) {
			addUserID(t, e, "other@example.org")
			certify(t, by, e, "other@example.org", signed, nil)
		}},
		{name: "of a revoked User ID", sign: func(by, e *openpgp.Entity) {
			certify(t, by, e, id, signed, nil)
			revokeUserID(t, e, id, now.Add(-day))
		}},
		{name: "for another certificate", sign: func(by, e *openpgp.Entity) {
			other := newEntity(t, at(now.Add(-10*day)))
			certify(t, by, other, id, signed, nil)
			e.Identities[id].OtherCertifications = other.Identities[id].OtherCertifications
		}},
		{name: "expired", sign: func(by, e *openpgp.Entity) {
			certify(t, by, e, id, signed, func(s *packet.Signature) { s.SigLifetimeSecs = lifetime(day) })
		}},
		{name: "not expired", want: true, sign: func(by, e *openpgp.Entity) {
			certify(t, by, e, id, signed, func(s *packet.Signature) { s.SigLifetimeSecs = lifetime(9 * day) })
		}},
		{name: "withdrawn", sign: func(by, e *openpgp.Entity) {
			certify(t, by, e, id, signed, nil)
			certify(t, by, e, id, signed.Add(day), kind(packet.SigTypeCertificationRevocation))
		}},
		{name: "withdrawn first in the order", sign: func(by, e *openpgp.Entity) {
			certify(t, by, e, id, signed.Add(day), kind(packet.SigTypeCertificationRevocation))
			certify(t, by, e, id, signed, nil)
		}},
		{name: "withdrawn later", at: signed.Add(time.Hour), want: true, sign: func(by, e *openpgp.Entity) {
			certify(t, by, e, id, signed, nil)
			certify(t, by, e, id, signed.Add(day), kind(packet.SigTypeCertificationRevocation))
		}},
		{name: "withdrawn and made anew", want: true, sign: func(by, e *openpgp.Entity) {
			certify(t, by, e, id, signed, nil)
			certify(t, by, e, id, signed.Add(day), kind(packet.SigTypeCertificationRevocation))
			certify(t, by, e, id, signed.Add(2*day), nil)
		}},
		{name: "withdrawn by another", want: true, sign: func(by, e *openpgp.Entity) {
			certify(t, by, e, id, signed, nil)
			certify(t, newEntity(t, at(now.Add(-10*day))), e, id, signed.Add(day), kind(packet.SigTypeCertificationRevocation))
		}},
		{name: "by a key that was compromised", sign: func(by, e *openpgp.Entity) {
			certify(t, by, e, id, signed, nil)
			revokeEntity(t, by, packet.KeyCompromised, now.Add(-day))
		}},
		{name: "by a key that was revoked without a reason", sign: func(by, e *openpgp.Entity) {
			certify(t, by, e, id, signed, nil)
			revokeEntity(t, by, packet.NoReason, now.Add(-day))
		}},
		{name: "by a key that was superseded later", want: true, sign: func(by, e *openpgp.Entity) {
			certify(t, by, e, id, signed, nil)
			revokeEntity(t, by, packet.KeySuperseded, now.Add(-day))
		}},
		{name: "by a key that was superseded", sign: func(by, e *openpgp.Entity) {
			certify(t, by, e, id, signed, nil)
			revokeEntity(t, by, packet.KeySuperseded, signed.Add(-day))
		}},
		{name: "by a key that expired later", want: true,
			by:   at(now.Add(-10*day), func(c *packet.Config) { c.KeyLifetimeSecs = 7 * 86400 }),
			sign: func(by, e *openpgp.Entity) { certify(t, by, e, id, signed, nil) }},
		{name: "by an expired key", by: at(now.Add(-10*day), func(c *packet.Config) { c.KeyLifetimeSecs = 3 * 86400 }),
			sign: func(by, e *openpgp.Entity) { certify(t, by, e, id, signed, nil) }},
		{name: "by a key whose self-signature is newer", want: true, sign: func(by, e *openpgp.Entity) {
			certify(t, by, e, id, signed, nil)
			resign(t, by, stdcrypto.SHA256, now.Add(-day))
		}},
		{name: "by a key that expired before, as its owner says now", sign: func(by, e *openpgp.Entity) {
			certify(t, by, e, id, signed, nil)
			again := *by.Identities[id].SelfCertifications[0].Packet
			again.KeyLifetimeSecs, again.CreationTime = lifetime(3*day), now.Add(-day)
			if err := again.SignUserId(id, by.PrimaryKey, by.PrivateKey, at(now)); err != nil {
				t.Fatal(err)
			}
			by.Identities[id].SelfCertifications = append(by.Identities[id].SelfCertifications, packet.NewVerifiableSig(&again))
		}},
		{name: "by a key without the flag", sign: func(by, e *openpgp.Entity) {
			certify(t, by, e, id, signed, nil)
			by.Identities[id].SelfCertifications[0].Packet.FlagCertify = false
			resign(t, by, stdcrypto.SHA256, now.Add(-9*day))
		}},
		{name: "by a weak key", by: at(now.Add(-10*day), func(c *packet.Config) {
			c.Algorithm, c.Curve = packet.PubKeyAlgoECDSA, packet.CurveSecP256k1
		}), sign: func(by, e *openpgp.Entity) { certify(t, by, e, id, signed, nil) }},
		{name: "SHA-1", sign: func(by, e *openpgp.Entity) {
			certify(t, by, e, id, signed, func(s *packet.Signature) { s.Hash = stdcrypto.SHA1 })
		}},
		{name: "old SHA-1", by: at(old.Add(-day)), want: true, sign: func(by, e *openpgp.Entity) {
			certify(t, by, e, id, old, func(s *packet.Signature) { s.Hash = stdcrypto.SHA1 })
		}},
		{name: "with an unknown critical notation", sign: func(by, e *openpgp.Entity) {
			certify(t, by, e, id, signed, func(s *packet.Signature) {
				s.Notations = []*packet.Notation{{Name: "must@example.org", IsCritical: true}}
			})
		}},
		{name: "forged", sign: func(by, e *openpgp.Entity) {
			certify(t, newEntity(t, at(now.Add(-10*day))), e, id, signed, nil)
			sig := e.Identities[id].OtherCertifications[0].Packet
			sig.IssuerKeyId, sig.IssuerFingerprint = &by.PrimaryKey.KeyId, by.PrimaryKey.Fingerprint
		}},
	} {
		if tc.by == nil {
			tc.by = at(now.Add(-10 * day))
		}
		if tc.at.IsZero() {
			tc.at = now
		}
		by, e := newEntity(t, tc.by), newEntity(t, at(now.Add(-10*day)))
		tc.sign(by, e)
		c, other := cert(t, by), cert(t, e)
		if got := c.Certifies(other, address(t, "TEST@example.org"), tc.at); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
		if c.Certifies(other, address(t, "mallory@example.org"), tc.at) {
			t.Errorf("%s: it vouches for an address that is not there", tc.name)
		}
	}
}

func revokeEntity(t testing.TB, e *openpgp.Entity, reason packet.ReasonForRevocation, when time.Time) {
	t.Helper()
	if err := e.Revoke(reason, "", at(when)); err != nil {
		t.Fatal(err)
	}
}

// TestGnuPGCertifies takes a certification that gpg made.
func TestGnuPGCertifies(t *testing.T) {
	g := newGnuPG(t)
	g.quickKey("CA <ca@example.org>", "future-default", "")
	g.quickKey("Ed <ed@example.org>", "future-default", "")
	parse := func(id string) []byte { return g.exported("--export", id) }
	ca, ed := parsedCert(t, parse("ca@example.org")), parsedCert(t, parse("ed@example.org"))
	to := address(t, "ed@example.org")
	if ca.Certifies(ed, to, now) {
		t.Error("it vouches before it signs")
	}
	g.run(nil, "--local-user", ca.Fingerprint(), "--quick-lsign-key", ed.Fingerprint())
	if ca.Certifies(parsedCert(t, g.exported("--export-options", "export-local-sigs", "--export", "ed@example.org")), to, now) {
		t.Error("a certification counts that is not to leave its maker's keyring")
	}
	g.run(nil, "--local-user", ca.Fingerprint(), "--quick-sign-key", ed.Fingerprint())
	signed := parsedCert(t, parse("ed@example.org"))
	if !ca.Certifies(signed, to, now) || signed.Certifies(ca, address(t, "ca@example.org"), now) {
		t.Errorf("ca vouches %v", ca.Certifies(signed, to, now))
	}
	if merged(t, signed, ed.Bytes()); !ca.Certifies(merged(t, signed, ed.Bytes()), to, now) {
		t.Error("merging loses the certification")
	}
}
