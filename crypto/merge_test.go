package crypto_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/eddsa"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealmilter/crypto"
)

func merged(t testing.TB, c *crypto.Cert, update []byte) *crypto.Cert {
	t.Helper()
	m, err := c.Merge(update)
	if err != nil {
		t.Fatal(err)
	}
	again, err := m.Merge(update)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Bytes(), m.Bytes()) {
		t.Error("merging again changes the certificate")
	}
	return m
}

func parsedCert(t testing.TB, b []byte) *crypto.Cert {
	t.Helper()
	c, err := crypto.ParseCert(b)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// sorted lists the packets of a certificate in an order of their own.
func sorted(t testing.TB, c *crypto.Cert) []string {
	t.Helper()
	var all []string
	for i, part := range parts(t, c.Bytes()) {
		ps := packets(t, part)
		for _, p := range ps {
			all = append(all, fmt.Sprintf("%v %x %x", i == 0, ps[0].Contents, rawPacket(p.Tag, p.Contents)))
		}
	}
	slices.Sort(all)
	return all
}

// TestMerge lets an owner change their certificate in every way and joins old and new copies in both directions.
func TestMerge(t *testing.T) {
	made := now.Add(-10 * day)
	for _, tc := range []struct {
		name   string
		change func(e *openpgp.Entity) error
		holds  func(c *crypto.Cert) bool
	}{
		{"a User ID", func(e *openpgp.Entity) error { addUserID(t, e, "second@example.org"); return nil },
			func(c *crypto.Cert) bool { return len(c.Addrs()) == 2 }},
		{"a subkey", func(e *openpgp.Entity) error { return e.AddEncryptionSubkey(alike(e, now.Add(-day))) },
			func(c *crypto.Cert) bool { return len(parts(t, c.Bytes())) == 4 && c.Check(now) == nil }},
		{"a signing subkey", func(e *openpgp.Entity) error { return e.AddSigningSubkey(alike(e, now.Add(-day))) },
			func(c *crypto.Cert) bool { return len(parts(t, c.Bytes())) == 4 }},
		{"an expiry", func(e *openpgp.Entity) error { addDirectSignature(t, e, now.Add(-day), 20*day); return nil },
			func(c *crypto.Cert) bool { _, expires := c.Expires(now); return expires }},
		{"a newer self-signature", func(e *openpgp.Entity) error {
			id := e.Identities["Test <test@example.org>"]
			sig := *id.SelfCertifications[0].Packet
			lifetime := uint32(20 * 86400)
			sig.KeyLifetimeSecs, sig.CreationTime = &lifetime, now.Add(-day)
			id.SelfCertifications = append(id.SelfCertifications, packet.NewVerifiableSig(&sig))
			return sig.SignUserId(id.Name, e.PrimaryKey, e.PrivateKey, at(now))
		}, func(c *crypto.Cert) bool { _, expires := c.Expires(now); return expires }},
		{"a revocation of the key", func(e *openpgp.Entity) error { return e.Revoke(packet.KeyCompromised, "", at(now)) },
			func(c *crypto.Cert) bool { return isRevoked(c) }},
		{"a revocation of the subkey", func(e *openpgp.Entity) error { return e.Subkeys[0].Revoke(packet.KeyRetired, "", at(now)) },
			func(c *crypto.Cert) bool { return isRevoked(c) }},
		{"a revocation of the User ID", func(e *openpgp.Entity) error {
			revokeUserID(t, e, "Test <test@example.org>", now)
			return nil
		}, func(c *crypto.Cert) bool { return len(c.Addrs()) == 0 }},
	} {
		for version, cfg := range map[string]*packet.Config{"v4": at(made), "v6": v6(made)} {
			if version == "v6" && (tc.name == "an expiry" || tc.name == "a newer self-signature" || tc.name == "a revocation of the User ID") {
				continue // the makers of these write version 4 signatures
			}
			t.Run(tc.name+" "+version, func(t *testing.T) {
				e := newEntity(t, cfg)
				before := cert(t, e)
				if tc.holds(before) {
					t.Fatal("it holds before the change")
				}
				if err := tc.change(e); err != nil {
					t.Fatal(err)
				}
				after := cert(t, e)
				forth, back := merged(t, before, after.Bytes()), merged(t, after, before.Bytes())
				if !tc.holds(forth) || !tc.holds(back) {
					t.Errorf("lost: forth %v, back %v", tc.holds(forth), tc.holds(back))
				}
				if !slices.Equal(sorted(t, forth), sorted(t, back)) {
					t.Error("the order makes a difference")
				}
				if !bytes.Equal(back.Bytes(), after.Bytes()) {
					t.Error("an old copy changes the certificate")
				}
				text := slices.Concat(armoredCert(t, generate(t, "other@example.org").Cert()), armoredCert(t, after))
				if m := merged(t, before, text); !bytes.Equal(m.Bytes(), forth.Bytes()) {
					t.Error("an armored update among others gives something else")
				}
			})
		}
	}
}

// alike makes subkeys of the version of the primary key.
func alike(e *openpgp.Entity, when time.Time) *packet.Config {
	if e.PrimaryKey.Version == 6 {
		return v6(when)
	}
	return at(when)
}

func isRevoked(c *crypto.Cert) bool {
	var u *crypto.Unusable
	return errors.As(c.Check(now), &u) && u.Reason == crypto.Revoked
}

// TestMergeOddUpdates has copies that are no certificates by themselves.
func TestMergeOddUpdates(t *testing.T) {
	k := generate(t, "a@example.org")
	c := k.Cert()
	revocation := bareRevocation(t, k, packet.KeyCompromised)
	e := entity(t, k)
	if err := e.Subkeys[0].Revoke(packet.KeyRetired, "", at(now)); err != nil {
		t.Fatal(err)
	}
	all := parts(t, certBytes(t, e))
	secret, err := k.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	other := generate(t, "b@example.org")
	broken := bytes.Clone(revocation)
	broken[len(broken)-1] ^= 1
	oversized := slices.Concat(all[0], revocation, bytes.Repeat(rawPacket(17, make([]byte, 1<<16)), 20), all[2])
	for _, tc := range []struct {
		name    string
		update  []byte
		revoked bool
		err     error
	}{
		{"a bare revocation", revocation, true, nil},
		{"an armored bare revocation", inArmor(t, "PGP PUBLIC KEY BLOCK", revocation), true, nil},
		{"without User IDs", slices.Concat(packetsUpTo(t, all[0], 1), revocation), true, nil},
		{"without User IDs, the subkey revoked", slices.Concat(all[0], all[2]), true, nil},
		{"a revocation after the certificate", slices.Concat(c.Bytes(), revocation), true, nil},
		{"cut off", slices.Concat(all[0], revocation, all[1][:20]), true, nil},
		{"too large", oversized, true, nil},
		{"with what is no part of it", slices.Concat(all[0], rawPacket(60, []byte("x")), rawPacket(12, []byte{6, 1}), revocation), true, nil},
		{"within what is no part of it", slices.Concat(all[0], all[1], rawPacket(60, []byte("x")), packetsUpTo(t, all[2], 1),
			rawPacket(12, []byte{6, 1}), all[2][len(packetsUpTo(t, all[2], 1)):]), true, nil},
		{"beside another's", slices.Concat(other.Cert().Bytes(), all[0], revocation, other.Cert().Bytes()), true, nil},
		{"the primary key alone", packetsUpTo(t, all[0], 1), false, nil},
		{"itself", c.Bytes(), false, nil},
		{"a broken revocation", broken, false, crypto.ErrOtherKey},
		{"a broken revocation twice", slices.Concat(broken, broken), false, crypto.ErrOtherKey},
		{"another's revocation", bareRevocation(t, other, packet.KeyCompromised), false, crypto.ErrOtherKey},
		{"another's revocation beside", slices.Concat(c.Bytes(), bareRevocation(t, other, packet.KeyCompromised)), false, nil},
		{"another's certificate with the revocation", slices.Concat(other.Cert().Bytes(), revocation), false, crypto.ErrOtherKey},
		{"another's certificate", other.Cert().Bytes(), false, crypto.ErrOtherKey},
		{"nothing", nil, false, crypto.ErrOtherKey},
		{"text", []byte("Not found"), false, crypto.ErrOtherKey},
		{"the secret key", secret, false, crypto.ErrOtherKey},
	} {
		m, err := c.Merge(tc.update)
		if !errors.Is(err, tc.err) {
			t.Errorf("%s: %v, want %v", tc.name, err, tc.err)
		}
		if err != nil {
			continue
		}
		if isRevoked(m) != tc.revoked {
			t.Errorf("%s: %v, want revoked %v", tc.name, m.Check(now), tc.revoked)
		}
		if !tc.revoked && !bytes.Equal(m.Bytes(), c.Bytes()) {
			t.Errorf("%s: it changes the certificate", tc.name)
		}
		merged(t, c, tc.update)
	}
	if m := merged(t, merged(t, c, revocation), revocation); !isRevoked(m) {
		t.Error("a revocation that is known already")
	}
}

// TestMergeTakesNothingByOthers floods an update with what the owner has not signed.
func TestMergeTakesNothingByOthers(t *testing.T) {
	e := newEntity(t, at(now.Add(-day)))
	c := cert(t, e)
	stranger := newEntity(t, at(now.Add(-day)))
	if err := e.SignIdentity("Test <test@example.org>", stranger, at(now)); err != nil {
		t.Fatal(err)
	}
	vouched := cert(t, e)
	e.Subkeys = append(e.Subkeys, stranger.Subkeys...)
	addUserID(t, e, "stolen@example.org")
	e.Identities["stolen@example.org"].SelfCertifications = stranger.Identities["Test <test@example.org>"].SelfCertifications
	if err := stranger.Revoke(packet.KeyCompromised, "", at(now)); err != nil {
		t.Fatal(err)
	}
	e.Revocations = stranger.Revocations
	flood := certBytes(t, e)
	flood = slices.Concat(flood, rawPacket(13, []byte("bare@example.org")), rawPacket(17, []byte("an image")))
	if m := merged(t, c, flood); !bytes.Equal(m.Bytes(), c.Bytes()) {
		t.Errorf("it takes %d packets of others", len(packets(t, m.Bytes()))-len(packets(t, c.Bytes())))
	}
	if m := merged(t, vouched, c.Bytes()); !bytes.Equal(m.Bytes(), vouched.Bytes()) {
		t.Error("a certification by another is lost")
	}
	// Octets that are not hashed make no new signature of an old one, nor do they take anything away.
	var altered []byte
	for _, p := range packets(t, c.Bytes()) {
		body := p.Contents
		if p.Tag == 2 {
			body = withUnhashed(body, []byte{5, 100, 1, 2, 3, 4})
		}
		altered = append(altered, rawPacket(p.Tag, body)...)
	}
	a := parsedCert(t, altered)
	if a.Check(now) != nil {
		t.Fatal(a.Check(now))
	}
	if m := merged(t, c, altered); !bytes.Equal(m.Bytes(), c.Bytes()) {
		t.Error("it takes a signature that says the same")
	}
	if m := merged(t, a, c.Bytes()); !bytes.Equal(m.Bytes(), c.Bytes()) {
		t.Error("the order makes a difference for signatures that say the same")
	}
}

// TestMergeKeepsIssuers has signatures that name their maker in the unhashed part, where anybody can take it out.
func TestMergeKeepsIssuers(t *testing.T) {
	e := newEntity(t, at(now.Add(-day)))
	good := cert(t, e)
	var key, both bytes.Buffer
	if err := errors.Join(e.PrimaryKey.SerializeForHash(&key), e.PrimaryKey.SerializeForHash(&both),
		e.Subkeys[0].PublicKey.SerializeForHash(&both)); err != nil {
		t.Fatal(err)
	}
	issuer := binary.BigEndian.AppendUint64([]byte{9, 16}, e.PrimaryKey.KeyId)
	forEncryption := []byte{2, 27, 4}
	all := parts(t, good.Bytes())
	front := slices.Concat(all[0], all[1], packetsUpTo(t, all[2], 1))
	without := namelessSignature(t, e, 0x18, both.Bytes(), forEncryption)
	c := parsedCert(t, slices.Concat(front, rawPacket(2, withUnhashed(without, issuer))))
	if err := c.Check(now); err != nil {
		t.Fatal(err)
	}
	if m := merged(t, c, slices.Concat(front, rawPacket(2, without))); !bytes.Equal(m.Bytes(), c.Bytes()) {
		t.Error("a signature without its issuer takes the place of another")
	}
	if m := merged(t, good, slices.Concat(front, rawPacket(2, without))); !bytes.Equal(m.Bytes(), good.Bytes()) {
		t.Error("it takes a signature without its issuer")
	}
	without = namelessSignature(t, e, 0x20, key.Bytes(), nil)
	with := withUnhashed(without, issuer)
	update := func(revocation []byte) []byte { return slices.Concat(front, rawPacket(2, revocation)) }
	one := merged(t, merged(t, c, update(without)), update(with))
	two := merged(t, merged(t, c, update(with)), update(without))
	if !isRevoked(merged(t, c, update(without))) {
		t.Error("a revocation without its issuer is lost")
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) || !bytes.Contains(one.Bytes(), with) {
		t.Error("the revocation that stays is not the one with its issuer")
	}
}

// namelessSignature is the body of a version 4 signature over the data that names no issuer at all.
func namelessSignature(t testing.TB, e *openpgp.Entity, kind byte, data, hashed []byte) []byte {
	t.Helper()
	hashed = slices.Concat(binary.BigEndian.AppendUint32([]byte{5, 2}, uint32(now.Add(-day).Unix())), hashed)
	head := slices.Concat([]byte{4, kind, byte(packet.PubKeyAlgoEdDSA), 8, 0, byte(len(hashed))}, hashed)
	digest := sha256.Sum256(slices.Concat(data, head, []byte{4, 255, 0, 0, 0, byte(len(head))}))
	r, s, err := eddsa.Sign(e.PrivateKey.PrivateKey.(*eddsa.PrivateKey), digest[:])
	if err != nil {
		t.Fatal(err)
	}
	body := slices.Concat(head, []byte{0, 0}, digest[:2])
	for _, n := range [][]byte{r, s} {
		mpi := new(big.Int).SetBytes(n)
		body = binary.BigEndian.AppendUint16(body, uint16(mpi.BitLen()))
		body = append(body, mpi.Bytes()...)
	}
	return body
}

// withUnhashed adds a subpacket to the unhashed ones of a signature.
func withUnhashed(body, subpacket []byte) []byte {
	read := func(b []byte) int { return int(binary.BigEndian.Uint16(b)) }
	write := func(n int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(n)) }
	width := 2
	if body[0] == 6 {
		read = func(b []byte) int { return int(binary.BigEndian.Uint32(b)) }
		write = func(n int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }
		width = 4
	}
	at := 4 + width + read(body[4:])
	return slices.Concat(body[:at], write(read(body[at:])+len(subpacket)), subpacket, body[at+width:])
}

// TestMergeKeepsTheUnknown signs a subkey of an algorithm and a user attribute of a type that nobody knows.
func TestMergeKeepsTheUnknown(t *testing.T) {
	for name, e := range map[string]*openpgp.Entity{"v4": newEntity(t, at(now.Add(-day))), "v6": newEntity(t, v6(now.Add(-day)))} {
		c := cert(t, e)
		picture := slices.Concat(c.Bytes(), userAttribute(t, e))
		update := slices.Concat(picture, unknownSubkey(t, e))
		if m := merged(t, c, update); !bytes.Equal(m.Bytes(), update) || m.Check(now) != nil {
			t.Errorf("%s: %d octets of %d, %v", name, len(m.Bytes()), len(update), m.Check(now))
		}
		broken := bytes.Clone(update)
		broken[len(broken)-1] ^= 1
		if m := merged(t, c, broken); !bytes.Equal(m.Bytes(), picture) {
			t.Errorf("%s: it takes a subkey without a valid binding", name)
		}
	}
}

// unknownSubkey is a subkey packet of algorithm 99 with its binding signature.
func unknownSubkey(t testing.TB, e *openpgp.Entity) []byte {
	t.Helper()
	version := byte(e.PrimaryKey.Version)
	made := uint32(now.Add(-day).Unix())
	body := []byte{version, byte(made >> 24), byte(made >> 16), byte(made >> 8), byte(made), 99}
	if version == 6 {
		body = append(body, 0, 0, 0, 3)
	}
	body = append(body, 1, 2, 3)
	sig := *e.Subkeys[0].Bindings[0].Packet
	sig.CreationTime = now.Add(-day)
	h, err := sig.PrepareSign(at(now))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.PrimaryKey.SerializeForHash(h); err != nil {
		t.Fatal(err)
	}
	if version == 6 {
		h.Write([]byte{0x9b, 0, 0, 0, byte(len(body))})
	} else {
		h.Write([]byte{0x99, 0, byte(len(body))})
	}
	h.Write(body)
	if err := sig.Sign(h, e.PrivateKey, at(now)); err != nil {
		t.Fatal(err)
	}
	return encodeLikeCert(t, slices.Concat(rawPacket(14, body), signaturePacket(t, packet.NewVerifiableSig(&sig))))
}

// encodeLikeCert writes packets with the lengths in the form that certificates come back in.
func encodeLikeCert(t testing.TB, b []byte) []byte {
	t.Helper()
	var out []byte
	for _, p := range packets(t, b) {
		n := len(p.Contents)
		if out = append(out, 0xc0|p.Tag); n < 192 {
			out = append(out, byte(n))
		} else {
			out = append(out, byte((n-192)>>8)+192, byte(n-192))
		}
		out = append(out, p.Contents...)
	}
	return out
}
