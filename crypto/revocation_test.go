package crypto_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"sealmilter/crypto"
)

// bareRevocation is the bare signature that revokes the key, as a packet.
func bareRevocation(t testing.TB, k *crypto.SecretKey, reason packet.ReasonForRevocation) []byte {
	t.Helper()
	e := entity(t, k)
	if err := e.Revoke(reason, "", at(now)); err != nil {
		t.Fatal(err)
	}
	return signaturePacket(t, e.Revocations[0])
}

// TestBareRevocations finds them between keys, by ones and twos and broken.
func TestBareRevocations(t *testing.T) {
	a, b := generate(t, "a@example.org"), generate(t, "b@example.org")
	revA, revB := bareRevocation(t, a, packet.KeyCompromised), bareRevocation(t, b, packet.NoReason)
	block := func(parts ...[]byte) []byte { return inArmor(t, "PGP PUBLIC KEY BLOCK", slices.Concat(parts...)) }
	other := signaturePacket(t, entity(t, a).Subkeys[0].Bindings[0])
	for _, tc := range []struct {
		name    string
		input   []byte
		want    []*crypto.SecretKey
		certs   int
		skipped string
	}{
		{"alone", revA, []*crypto.SecretKey{a}, 0, ""},
		{"armored", block(revA), []*crypto.SecretKey{a}, 0, ""},
		{"two in a block", block(revA, revB), []*crypto.SecretKey{a, b}, 0, ""},
		{"among keys", slices.Concat(block(b.Cert().Bytes()), block(revA), block(a.Cert().Bytes())), []*crypto.SecretKey{a}, 2, ""},
		{"before a key", slices.Concat(revA, b.Cert().Bytes()), []*crypto.SecretKey{a}, 1, ""},
		{"after a key", slices.Concat(a.Cert().Bytes(), revA), nil, 1, ""},
		{"another signature", slices.Concat(other, revA), []*crypto.SecretKey{a}, 0, "key 1: a packet of type 2 stands where a key should begin"},
		{"broken", slices.Concat(rawPacket(2, []byte{4, 0x20, 1, 8, 0, 0, 0}), revA), []*crypto.SecretKey{a}, 0, "key 1: its revocation certificate cannot be read"},
		{"of nobody", slices.Concat(anonymous(t, revA), revB), []*crypto.SecretKey{b}, 0, "key 1: its revocation certificate does not name the key"},
		{"cut off", revA[:len(revA)-1], nil, 0, "it ends in the middle of a packet"},
	} {
		ring, err := crypto.ReadKeyring(bytes.NewReader(tc.input))
		if err != nil || len(ring.Certs) != tc.certs || len(ring.Revocations) != len(tc.want) {
			t.Errorf("%s: %d certificates, %d revocations, %v, %v", tc.name, len(ring.Certs), len(ring.Revocations), ring.Skipped, err)
			continue
		}
		for i, k := range tc.want {
			got := ring.Revocations[i]
			if got.IssuerFingerprint != k.Fingerprint() || !k.Cert().HasKeyID(got.IssuerKeyID) {
				t.Errorf("%s: issuer %s, %X", tc.name, got.IssuerFingerprint, got.IssuerKeyID)
			}
		}
		switch {
		case tc.skipped == "" && len(ring.Skipped) > 0:
			t.Errorf("%s: skipped %v", tc.name, ring.Skipped)
		case tc.skipped != "" && (len(ring.Skipped) != 1 || !strings.Contains(ring.Skipped[0].Error(), tc.skipped)):
			t.Errorf("%s: skipped %v, want %q", tc.name, ring.Skipped, tc.skipped)
		}
	}
	ring, err := crypto.ReadKeyring(bytes.NewReader(revA))
	if err != nil {
		t.Fatal(err)
	}
	ring.Revocations[0].Bytes()[0] = 0
	if !bytes.Equal(ring.Revocations[0].Bytes(), revA) {
		t.Error("Bytes gives its own memory away, or something else")
	}
}

// anonymous takes the issuer out of a signature packet: its subpackets lose their meaning.
func anonymous(t testing.TB, sig []byte) []byte {
	t.Helper()
	body := bytes.Clone(packets(t, sig)[0].Contents)
	hashed := int(binary.BigEndian.Uint16(body[4:]))
	unhashed := int(binary.BigEndian.Uint16(body[6+hashed:]))
	for _, area := range [][]byte{body[6 : 6+hashed], body[8+hashed : 8+hashed+unhashed]} {
		for len(area) > 0 {
			if kind := area[1] & 0x7f; kind == 16 || kind == 33 {
				area[1] = 100 // private use
			}
			area = area[1+int(area[0]):]
		}
	}
	return rawPacket(2, body)
}

// TestGnuPGBareRevocation takes the one that gpg keeps of each key. A colon before the armor guards it from
// being imported by mistake.
func TestGnuPGBareRevocation(t *testing.T) {
	g := newGnuPG(t)
	g.quickKey("Ed <ed@example.org>", "future-default", "")
	c, err := crypto.ParseCert(g.exported("--export"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(g.home, "openpgp-revocs.d", c.Fingerprint()+".rev"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := crypto.ReadKeyring(bytes.NewReader(text)); !errors.Is(err, crypto.ErrNoKeys) {
		t.Errorf("with its colon: %v", err)
	}
	text = bytes.Replace(text, []byte("\n:-----BEGIN"), []byte("\n-----BEGIN"), 1)
	ring, err := crypto.ReadKeyring(bytes.NewReader(text))
	if err != nil || len(ring.Revocations) != 1 || ring.Revocations[0].IssuerFingerprint != c.Fingerprint() {
		t.Fatalf("%d revocations, %v, %v", len(ring.Revocations), ring.Skipped, err)
	}
}
