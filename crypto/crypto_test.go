package crypto_test

import (
	"bytes"
	stdcrypto "crypto"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
)

// now is the time at which everything here happens.
var now = time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)

const day = 24 * time.Hour

// lockedRand is a reproducible source that goroutines may share.
type lockedRand struct {
	mu  sync.Mutex
	src *rand.ChaCha8
}

func (r *lockedRand) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.src.Read(p)
}

func random() io.Reader { return seeded("") }

func seeded(seed string) io.Reader {
	return &lockedRand{src: rand.NewChaCha8(sha256.Sum256([]byte(seed)))}
}

func sealer() *crypto.Sealer {
	return &crypto.Sealer{Now: func() time.Time { return now }, Rand: random()}
}

func address(t testing.TB, s string) mail.Addr {
	t.Helper()
	a, err := mail.ParseAddr(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// generate makes the same key for the same address, and another one for another.
func generate(t testing.TB, addr string) *crypto.SecretKey {
	t.Helper()
	k, err := crypto.Generate(address(t, addr), crypto.GenerateOptions{Now: now.Add(-day), Rand: seeded(addr)})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// generateMany makes n certificates.
func generateMany(t testing.TB, n int) []*crypto.Cert {
	t.Helper()
	var many []*crypto.Cert
	for i := range n {
		many = append(many, generate(t, fmt.Sprintf("many%d@example.org", i)).Cert())
	}
	return many
}

func signer(t testing.TB, k *crypto.SecretKey) *crypto.Signer {
	t.Helper()
	s, err := k.Signer(now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// at is a library configuration that stands still at a time.
func at(when time.Time, change ...func(*packet.Config)) *packet.Config {
	cfg := &packet.Config{
		Time:          func() time.Time { return when },
		Algorithm:     packet.PubKeyAlgoEdDSA,
		DefaultCipher: packet.CipherAES256,
	}
	for _, f := range change {
		f(cfg)
	}
	return cfg
}

func newEntity(t testing.TB, cfg *packet.Config) *openpgp.Entity {
	t.Helper()
	e, err := openpgp.NewEntity("Test", "", "test@example.org", cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func cert(t testing.TB, e *openpgp.Entity) *crypto.Cert {
	t.Helper()
	c, err := crypto.ParseCert(certBytes(t, e))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func certBytes(t testing.TB, e *openpgp.Entity) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := e.Serialize(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func secretBytes(t testing.TB, e *openpgp.Entity) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := e.SerializePrivateWithoutSigning(&b, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// unsalted lets old hashes sign.
func unsalted(c *packet.Config) {
	c.NonDeterministicSignaturesViaNotation = packet.BoolPointer(false)
}

// resign makes the self-signatures of User IDs and subkeys anew, with another hash and time.
func resign(t testing.TB, e *openpgp.Entity, hash stdcrypto.Hash, when time.Time) {
	t.Helper()
	for name, id := range e.Identities {
		sig := id.SelfCertifications[0].Packet
		sig.Hash, sig.CreationTime = hash, when
		if err := sig.SignUserId(name, e.PrimaryKey, e.PrivateKey, at(when, unsalted)); err != nil {
			t.Fatal(err)
		}
	}
	for _, sub := range e.Subkeys {
		sig := sub.Bindings[0].Packet
		sig.Hash, sig.CreationTime = hash, when
		if err := sig.SignKey(sub.PublicKey, e.PrivateKey, at(when, unsalted)); err != nil {
			t.Fatal(err)
		}
	}
}

// entity gives a key to the library, for reading messages.
func entity(t testing.TB, k *crypto.SecretKey) *openpgp.Entity {
	t.Helper()
	b, err := k.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	e, err := openpgp.ReadEntity(packet.NewReader(bytes.NewReader(b)))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// opened is a message read by the library.
type opened struct {
	payload []byte
	details *openpgp.MessageDetails
}

// open decrypts an armored message with the recipient's key and checks its signature by the sender, if there is one.
func open(t testing.TB, armored []byte, recipient, sender *openpgp.Entity) opened {
	t.Helper()
	block, err := armor.Decode(bytes.NewReader(armored))
	if err != nil {
		t.Fatal(err)
	}
	ring := openpgp.EntityList{recipient}
	if sender != nil {
		ring = append(ring, sender)
	}
	md, err := openpgp.ReadMessage(block.Body, ring, nil, at(now, func(c *packet.Config) { c.CacheSessionKey = true }))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := io.ReadAll(md.UnverifiedBody)
	if err != nil {
		t.Fatal(err)
	}
	if md.IsSigned != (sender != nil) {
		t.Fatalf("signed: %v", md.IsSigned)
	}
	if md.SignatureError != nil {
		t.Fatal(md.SignatureError)
	}
	return opened{payload, md}
}

func armored(t testing.TB, c *crypto.Ciphertext) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := c.WriteTo(&b)
	if err != nil {
		t.Fatal(err)
	}
	if n != int64(b.Len()) || n != c.Size() {
		t.Fatalf("wrote %d octets, said %d, Size says %d", b.Len(), n, c.Size())
	}
	return b.Bytes()
}

// dearmored returns the binary contents of a block.
func dearmored(t testing.TB, b []byte) []byte {
	t.Helper()
	block, err := armor.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(block.Body)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// v6 makes version 6 keys that announce AEAD.
func v6(when time.Time) *packet.Config {
	return at(when, func(c *packet.Config) {
		c.Algorithm, c.V6Keys, c.AEADConfig = packet.PubKeyAlgoEd25519, true, &packet.AEADConfig{}
	})
}

// inArmor wraps binary data as the library does it.
func inArmor(t testing.TB, label string, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := armor.Encode(&out, label, nil)
	if err == nil {
		_, err = w.Write(b)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	out.WriteByte('\n')
	return out.Bytes()
}
