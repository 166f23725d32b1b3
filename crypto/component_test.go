package crypto_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"sealmilter/crypto"
)

func signaturePacket(t testing.TB, sig *packet.VerifiableSignature) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := sig.Packet.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// parts cuts a certificate before each packet that is no signature.
func parts(t testing.TB, b []byte) [][]byte {
	t.Helper()
	var all [][]byte
	for _, p := range packets(t, b) {
		if p.Tag != 2 {
			all = append(all, nil)
		}
		last := len(all) - 1
		all[last] = append(all[last], rawPacket(p.Tag, p.Contents)...)
	}
	return all
}

// TestCopiesWithinACertificate has User IDs and subkeys twice, one of them revoked: whichever comes first, the
// revocation counts. A revocation of the key counts wherever it stands.
func TestCopiesWithinACertificate(t *testing.T) {
	made := now.Add(-10 * day)
	e := newEntity(t, at(made))
	addUserID(t, e, "second@example.org")
	good := certBytes(t, e)
	revokeUserID(t, e, "second@example.org", now.Add(-day))
	if err := e.Subkeys[0].Revoke(packet.KeyRetired, "", at(now.Add(-day))); err != nil {
		t.Fatal(err)
	}
	revoked := certBytes(t, e)
	tail := func(b []byte) []byte { return slices.Concat(parts(t, b)[1:]...) }
	parse := func(b []byte) *crypto.Cert {
		t.Helper()
		c, err := crypto.ParseCert(b)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if n := len(parse(good).Addrs()); n != 2 {
		t.Fatalf("%d addresses", n)
	}
	for name, b := range map[string][]byte{
		"revoked first": slices.Concat(revoked, tail(good)),
		"revoked last":  slices.Concat(good, tail(revoked)),
	} {
		c := parse(b)
		if got := c.Addrs(); len(got) != 1 || got[0].String() != "test@example.org" {
			t.Errorf("%s: addresses %v", name, got)
		}
		wantReason(t, c.Check(now), crypto.Revoked, "its encryption subkey is revoked")
		if len(packets(t, c.Bytes())) != len(packets(t, revoked)) {
			t.Errorf("%s: %d packets, want %d", name, len(packets(t, c.Bytes())), len(packets(t, revoked)))
		}
	}
	if err := e.Revoke(packet.KeyCompromised, "", at(now)); err != nil {
		t.Fatal(err)
	}
	revocation := signaturePacket(t, e.Revocations[0])
	for i := range parts(t, good) {
		p := parts(t, good)
		p[i] = append(p[i], revocation...)
		wantReason(t, parse(slices.Concat(p...)).Check(now), crypto.Revoked, "its certificate is revoked")
	}
}

// TestOctetsTooMany has octets behind the contents of packets, which a careless reader takes for more packets.
func TestOctetsTooMany(t *testing.T) {
	for version, cfg := range map[string]*packet.Config{"v4": at(now.Add(-10 * day)), "v6": v6(now.Add(-10 * day))} {
		e := newEntity(t, cfg)
		good := certBytes(t, e)
		if err := e.Subkeys[0].Revoke(packet.KeyRetired, "", at(now)); err != nil {
			t.Fatal(err)
		}
		revocation := signaturePacket(t, e.Subkeys[0].Revocations[0])
		ps := packets(t, good)
		last := len(ps) - 1 // the binding signature of the subkey
		var front []byte
		for _, p := range ps[:last-1] {
			front = append(front, rawPacket(p.Tag, p.Contents)...)
		}
		subkey, binding := ps[last-1].Contents, ps[last].Contents
		swallow := []byte{0xc0 | 60, byte(len(revocation))} // begins a packet of a type that may be ignored
		if len(revocation) >= 192 {
			t.Fatal("a long revocation")
		}
		longSubkey := slices.Concat(subkey, []byte{0})
		otherCount := bytes.Clone(subkey)
		if version == "v6" {
			otherCount[9] ^= 1 // of the octets of the key proper, which is not part of what is signed
		}
		for name, b := range map[string][]byte{
			"a revocation swallowed": slices.Concat(front, rawPacket(14, subkey), rawPacket(2, slices.Concat(binding, swallow)), revocation),
			"the subkey again, longer": slices.Concat(front, rawPacket(14, subkey), revocation, rawPacket(2, binding),
				rawPacket(14, longSubkey), rawPacket(2, binding)),
			"the subkey again, with another count": slices.Concat(front, rawPacket(14, subkey), revocation, rawPacket(2, binding),
				rawPacket(14, otherCount), rawPacket(2, binding)),
		} {
			c := parsedCert(t, b)
			wantReason(t, c.Check(now), crypto.Revoked, "its encryption subkey is revoked")
			if m := merged(t, cert(t, e), b); m.Check(now) == nil {
				t.Errorf("%s: %s: merging brings the subkey back", version, name)
			}
		}
		if _, err := crypto.ParseCert(slices.Concat(rawPacket(6, slices.Concat(ps[0].Contents, []byte{0})), good[len(encodeLikeCert(t, rawPacket(6, ps[0].Contents))):])); err == nil {
			t.Errorf("%s: a primary key with octets too many is taken", version)
		}
	}
}

// TestBrokenPartsCostNothingElse has a picture, signatures and a subkey in a certificate that cannot be read.
func TestBrokenPartsCostNothingElse(t *testing.T) {
	e := newEntity(t, at(now.Add(-10*day)))
	all := parts(t, certBytes(t, e))
	junk := rawPacket(2, []byte{4, 0x10, 1, 8, 0, 1, 9})
	point := []byte{4, 1, 2, 3, 4, 36, 1, 2, 3} // ML-KEM-1024 in version 4, which must not be
	b := slices.Concat(all[0], junk, all[1], junk, rawPacket(17, []byte("picture")), junk, rawPacket(14, point), junk, all[2], junk)
	c := parsedCert(t, b)
	if err := c.Check(now); err != nil || len(c.Addrs()) != 1 {
		t.Errorf("%v, %v", err, c.Addrs())
	}
	if m := merged(t, cert(t, e), b); !bytes.Equal(m.Bytes(), cert(t, e).Bytes()) {
		t.Error("merging takes broken parts")
	}
}
