package crypto_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealmilter/crypto"
)

// TestFor reduces a certificate with everything that one can have.
func TestFor(t *testing.T) {
	e := newEntity(t, at(now.Add(-10*day)))
	for _, id := range []string{"Alice <alice@example.org>", "Alice <ALICE@Example.org>", "bob@example.org", "gone@example.org", "forged@example.org"} {
		addUserID(t, e, id)
	}
	revokeUserID(t, e, "gone@example.org", now)
	stranger := newEntity(t, at(now.Add(-10*day)))
	addUserID(t, stranger, "Alice <alice@example.org>")
	e.Identities["forged@example.org"].SelfCertifications[0] = e.Identities["bob@example.org"].SelfCertifications[0]
	for _, id := range []string{"Alice <alice@example.org>", "bob@example.org"} {
		if err := e.SignIdentity(id, stranger, at(now)); err != nil {
			t.Fatal(err)
		}
	}
	addDirectSignature(t, e, now.Add(-day), 20*day)
	if err := errors.Join(e.AddEncryptionSubkey(at(now.Add(-day))), e.AddSigningSubkey(at(now.Add(-day))),
		e.Subkeys[0].Revoke(packet.KeyRetired, "", at(now))); err != nil {
		t.Fatal(err)
	}
	unknown := unknownSubkey(t, e)
	c := parsedCert(t, slices.Concat(certBytes(t, e), userAttribute(t, e), unknown))

	r, err := c.For(address(t, "alice@EXAMPLE.org"))
	if err != nil {
		t.Fatal(err)
	}
	ids := r.UserIDs()
	slices.Sort(ids)
	if want := []string{"Alice <ALICE@Example.org>", "Alice <alice@example.org>"}; !slices.Equal(ids, want) {
		t.Errorf("User IDs %q", ids)
	}
	count := make(map[byte]int)
	for _, p := range packets(t, r.Bytes()) {
		count[p.Tag]++
	}
	// Two of each User ID and each known subkey but one for the primary key, the unknown subkey and the revocation.
	if count[13] != 2 || count[17] != 0 || count[14] != 4 || count[2] != 1+2+3+1+1 {
		t.Errorf("packets by type: %v", count)
	}
	if !bytes.Contains(r.Bytes(), unknown) {
		t.Error("the subkey of an unknown algorithm is lost")
	}
	if err := r.Check(now); err != nil {
		t.Error(err)
	}
	if expires, _ := r.Expires(now); !expires.Equal(now.Add(10 * day)) {
		t.Errorf("expires %v", expires)
	}
	again, err := r.For(address(t, "alice@example.org"))
	if err != nil || !bytes.Equal(again.Bytes(), r.Bytes()) {
		t.Errorf("reducing again changes it: %v", err)
	}
	for _, other := range []string{"gone@example.org", "forged@example.org", "mallory@example.org", "lice@example.org"} {
		if _, err := c.For(address(t, other)); !errors.Is(err, crypto.ErrNotNamed) {
			t.Errorf("%s: %v", other, err)
		}
	}
	if err := e.Revoke(packet.KeyCompromised, "", at(now)); err != nil {
		t.Fatal(err)
	}
	if r, err = cert(t, e).For(address(t, "bob@example.org")); err != nil || !isRevoked(r) {
		t.Errorf("a revocation of the key is lost: %v", err)
	}
}

// userAttribute is a user attribute packet of a type that nobody knows, with its self-signature.
func userAttribute(t testing.TB, e *openpgp.Entity) []byte {
	t.Helper()
	body := []byte{2, 100, 1}
	var sig packet.Signature
	for _, id := range e.Identities {
		sig = *id.SelfCertifications[0].Packet
	}
	h, err := sig.PrepareSign(at(now))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.PrimaryKey.SerializeForHash(h); err != nil {
		t.Fatal(err)
	}
	h.Write([]byte{0xd1, 0, 0, 0, byte(len(body))})
	h.Write(body)
	if err := sig.Sign(h, e.PrivateKey, at(now)); err != nil {
		t.Fatal(err)
	}
	return encodeLikeCert(t, slices.Concat(rawPacket(17, body), signaturePacket(t, packet.NewVerifiableSig(&sig))))
}

func TestForVersion6(t *testing.T) {
	c := cert(t, newEntity(t, v6(now.Add(-day))))
	r, err := c.For(address(t, "test@example.org"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(r.Bytes(), c.Bytes()) || r.Check(now) != nil {
		t.Errorf("%d octets of %d, %v", len(r.Bytes()), len(c.Bytes()), r.Check(now))
	}
}
