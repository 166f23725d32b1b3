package crypto_test

import (
	"bytes"
	stdcrypto "crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// rawPacket frames a packet in the present format.
func rawPacket(tag byte, body []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{0xc0 | tag, 255}, uint32(len(body)))
	return append(b, body...)
}

// rsaPacket is the body of a version 4 RSA public key.
func rsaPacket(bits int, modulus []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{4}, uint32(now.Add(-day).Unix()))
	b = append(b, 1, byte(bits>>8), byte(bits))
	b = append(b, modulus...)
	return append(b, 0, 17, 1, 0, 1)
}

func readPublicKey(t testing.TB, tag byte, body []byte) *packet.PublicKey {
	t.Helper()
	p, err := packet.Read(bytes.NewReader(rawPacket(tag, body)))
	if err != nil {
		t.Fatal(err)
	}
	return p.(*packet.PublicKey)
}

// forgedRSA is the certificate of a key that is not what it seems: the public packet is the caller's, its
// self-signature is by the private key.
func forgedRSA(t testing.TB, public []byte, private *rsa.PrivateKey) []byte {
	t.Helper()
	pub := readPublicKey(t, 6, public)
	key := packet.NewRSAPrivateKey(pub.CreationTime, private)
	key.PublicKey = *pub
	sig := &packet.Signature{
		Version: 4, SigType: packet.SigTypePositiveCert, PubKeyAlgo: packet.PubKeyAlgoRSA, Hash: stdcrypto.SHA256,
		CreationTime: pub.CreationTime, IssuerKeyId: &pub.KeyId,
		FlagsValid: true, FlagCertify: true, FlagSign: true, FlagEncryptCommunications: true,
	}
	const id = "forged@example.org"
	if err := sig.SignUserId(id, pub, key, at(now)); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	b.Write(rawPacket(6, public))
	b.Write(rawPacket(13, []byte(id)))
	if err := sig.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func smallRSA(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// addUserID adds a User ID of any text, with a self-signature.
func addUserID(t testing.TB, e *openpgp.Entity, id string) {
	t.Helper()
	var sig packet.Signature
	for _, other := range e.Identities {
		sig = *other.SelfCertifications[0].Packet
	}
	sig.IsPrimaryId = nil
	if err := sig.SignUserId(id, e.PrimaryKey, e.PrivateKey, at(now.Add(-day))); err != nil {
		t.Fatal(err)
	}
	e.Identities[id] = &openpgp.Identity{
		Primary: e, Name: id, UserId: &packet.UserId{Id: id},
		SelfCertifications: []*packet.VerifiableSignature{packet.NewVerifiableSig(&sig)},
	}
}

// revokeUserID adds a revocation of that time.
func revokeUserID(t testing.TB, e *openpgp.Entity, id string, when time.Time) {
	t.Helper()
	sig := &packet.Signature{
		Version: 4, SigType: packet.SigTypeCertificationRevocation, PubKeyAlgo: e.PrimaryKey.PubKeyAlgo,
		Hash: stdcrypto.SHA256, CreationTime: when, IssuerKeyId: &e.PrimaryKey.KeyId,
	}
	if err := sig.SignUserId(id, e.PrimaryKey, e.PrivateKey, at(when)); err != nil {
		t.Fatal(err)
	}
	e.Identities[id].Revocations = append(e.Identities[id].Revocations, packet.NewVerifiableSig(sig))
}

// addDirectSignature adds a direct-key signature that lets the key expire.
func addDirectSignature(t testing.TB, e *openpgp.Entity, when time.Time, lifetime time.Duration) {
	t.Helper()
	seconds := uint32(lifetime / time.Second)
	sig := &packet.Signature{
		Version: 4, SigType: packet.SigTypeDirectSignature, PubKeyAlgo: e.PrimaryKey.PubKeyAlgo, Hash: stdcrypto.SHA256,
		CreationTime: when, IssuerKeyId: &e.PrimaryKey.KeyId, KeyLifetimeSecs: &seconds,
	}
	if err := sig.SignDirectKeyBinding(e.PrimaryKey, e.PrivateKey, at(when)); err != nil {
		t.Fatal(err)
	}
	e.DirectSignatures = append(e.DirectSignatures, packet.NewVerifiableSig(sig))
}
