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
