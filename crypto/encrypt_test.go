package crypto_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealmilter/crypto"
)

// reader is a recipient with the key to open their copy.
type reader struct {
	name   string
	entity *openpgp.Entity
	cert   *crypto.Cert
	// keyVersion is that of the session-key packet to expect, data what the data packet begins with.
	keyVersion int
	data       []byte
	cipher     int // octets of the session key
}

func readers(t testing.TB) []reader {
	t.Helper()
	made := now.Add(-day)
	seipd1 := []byte{1}
	all := []reader{
		{name: "v4", entity: newEntity(t, at(made)), keyVersion: 3, data: seipd1, cipher: 32},
		{name: "v4 too", entity: newEntity(t, at(made)), keyVersion: 3, data: seipd1, cipher: 32},
		{name: "v4 with AES-128 only", keyVersion: 3, data: seipd1, cipher: 16,
			entity: newEntity(t, at(made, func(c *packet.Config) { c.DefaultCipher = packet.CipherAES128 }))},
		{name: "RSA", keyVersion: 3, data: seipd1, cipher: 32,
			entity: newEntity(t, at(made, func(c *packet.Config) { c.Algorithm, c.RSABits = packet.PubKeyAlgoRSA, 2048 }))},
		{name: "v4 with AEAD", keyVersion: 6, data: []byte{2, 9, 3}, cipher: 32,
			entity: newEntity(t, at(made, func(c *packet.Config) {
				c.AEADConfig = &packet.AEADConfig{DefaultMode: packet.AEADModeGCM}
			}))},
		{name: "v6", entity: newEntity(t, v6(made)), keyVersion: 6, data: []byte{2, 9, 2}, cipher: 32},
		{name: "v6 that announces version 1", keyVersion: 3, data: seipd1, cipher: 32,
			entity: newEntity(t, at(made, func(c *packet.Config) { c.Algorithm, c.V6Keys = packet.PubKeyAlgoEd25519, true }))},
		{name: "v6 that announces nothing", keyVersion: 6, data: []byte{2, 7, 2}, cipher: 16,
			entity: announcingNothing(t, newEntity(t, at(made, func(c *packet.Config) { c.Algorithm, c.V6Keys = packet.PubKeyAlgoEd25519, true })))},
		{name: "post-quantum", keyVersion: 6, data: []byte{2, 9, 2}, cipher: 32,
			entity: newEntity(t, at(made, func(c *packet.Config) {
				c.Algorithm, c.V6Keys, c.AEADConfig = packet.PubKeyAlgoMldsa65Ed25519, true, &packet.AEADConfig{}
			}))},
	}
	for i := range all {
		all[i].cert = cert(t, all[i].entity)
	}
	return all
}

// announcingNothing takes the features from a version 6 key.
func announcingNothing(t testing.TB, e *openpgp.Entity) *openpgp.Entity {
	t.Helper()
	sig := e.DirectSignatures[0].Packet
	sig.SEIPDv1, sig.SEIPDv2 = false, false
	if err := sig.SignDirectKeyBinding(e.PrimaryKey, e.PrivateKey, at(now.Add(-day))); err != nil {
		t.Fatal(err)
	}
	return e
}

func certs(all []reader) []*crypto.Cert {
	var to []*crypto.Cert
	for _, r := range all {
		to = append(to, r.cert)
	}
	return to
}

// inside decrypts binary data down to the packets in it.
func inside(t testing.TB, raw []byte, e *openpgp.Entity) []byte {
	t.Helper()
	r := packet.NewReader(bytes.NewReader(raw))
	p, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	key := p.(*packet.EncryptedKey)
	if err := key.Decrypt(e.Subkeys[0].PrivateKey, nil); err != nil {
		t.Fatal(err)
	}
	p, err = r.Next()
	if err != nil {
		t.Fatal(err)
	}
	plain, err := p.(*packet.SymmetricallyEncrypted).Decrypt(key.CipherFunc, key.Key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(plain)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestEncrypt gives every reader the best that their certificate announces, in one call, and lets each open their
// own copy and find nobody else in it.
func TestEncrypt(t *testing.T) {
	all := readers(t)
	sender := generate(t, "sender@example.org")
	senderEntity := entity(t, sender)
	payload := bytes.Repeat([]byte("Something to keep to oneself.\r\n"), 1200)
	for _, o := range []crypto.EncryptOptions{{}, {Share: true}, {Hidden: true}, {Hidden: true, Share: true}} {
		for _, by := range []*crypto.Signer{signer(t, sender), nil} {
			t.Run(fmt.Sprintf("%+v signed=%v", o, by != nil), func(t *testing.T) {
				copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets(payload)}, by, certs(all), o)
				if err != nil {
					t.Fatal(err)
				}
				dataPackets := make(map[string][]string)
				for i, r := range all {
					text := armored(t, copies[i])
					wantTidyArmor(t, text, r.keyVersion == 3)
					raw := dearmored(t, text)
					ps := packets(t, raw)
					if len(ps) != 2 || ps[0].Tag != 1 || ps[1].Tag != 18 {
						t.Fatalf("%s: %d packets", r.name, len(ps))
					}
					if int(ps[0].Contents[0]) != r.keyVersion || !bytes.HasPrefix(ps[1].Contents, r.data) {
						t.Errorf("%s: version %d session key, data % x", r.name, ps[0].Contents[0], ps[1].Contents[:3])
					}
					dataPackets[string(ps[1].Contents)] = append(dataPackets[string(ps[1].Contents)], r.name)

					from := senderEntity
					if by == nil {
						from = nil
					}
					got := open(t, text, r.entity, from)
					if !bytes.Equal(got.payload, payload) {
						t.Errorf("%s: reads %d octets", r.name, len(got.payload))
					}
					if len(got.details.SessionKey) != r.cipher {
						t.Errorf("%s: session key of %d octets", r.name, len(got.details.SessionKey))
					}
					wantNobodyElse(t, r, all, raw, "in the open")
					if o.Hidden || by == nil {
						wantNobodyElse(t, r, all, inside(t, raw, r.entity), "inside")
					} else if n := len(got.details.Signature.IntendedRecipients); n != len(all) {
						t.Errorf("%s: %d intended recipients", r.name, n)
					}
				}
				want := len(all)
				if o.Share {
					want = 5 // suites among the readers
				}
				if len(dataPackets) != want {
					t.Errorf("%d data packets, want %d: %v", len(dataPackets), want, slices.Collect(func(yield func([]string) bool) {
						for _, names := range dataPackets {
							if !yield(names) {
								return
							}
						}
					}))
				}
			})
		}
	}
}

// wantNobodyElse searches b for the key IDs and fingerprints of all other readers, subkeys included.
func wantNobodyElse(t *testing.T, r reader, all []reader, b []byte, where string) {
	t.Helper()
	for _, other := range all {
		if other.name == r.name {
			continue
		}
		keys := []*packet.PublicKey{other.entity.PrimaryKey}
		for _, sub := range other.entity.Subkeys {
			keys = append(keys, sub.PublicKey)
		}
		for _, pub := range keys {
			if bytes.Contains(b, binary.BigEndian.AppendUint64(nil, pub.KeyId)) || bytes.Contains(b, pub.Fingerprint) {
				t.Errorf("%s: the copy names %s %s", r.name, other.name, where)
			}
		}
	}
}

// wantTidyArmor compares the text with what the library's slow encoder makes of the same data, but for the one line
// that ends early: with the session-key packets and as many octets as fill the last group of three.
func wantTidyArmor(t *testing.T, text []byte, checksum bool) {
	t.Helper()
	raw := dearmored(t, text)
	var want bytes.Buffer
	w, err := armor.EncodeWithChecksumOption(&want, "PGP MESSAGE", nil, checksum)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(raw); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(want.String()), "\n")
	end := lines[len(lines)-1:]
	if checksum {
		end = lines[len(lines)-2:]
	}
	ps := packets(t, raw)
	front := len(raw) - len(rawPacket(18, ps[len(ps)-1].Contents))
	front = (front + 2) / 3 * 3
	lines = slices.Concat(lines[:2], base64Lines(raw[:front]), base64Lines(raw[front:]), end)
	if got, want := string(text), strings.Join(lines, "\r\n")+"\r\n"; got != want {
		t.Errorf("armor:\n%.400q\nwant:\n%.400q", got, want)
	}
}

// base64Lines are lines of 64 characters, the last of which may be shorter.
func base64Lines(b []byte) (lines []string) {
	for chunk := range slices.Chunk(b, 48) {
		lines = append(lines, base64.StdEncoding.EncodeToString(chunk))
	}
	return lines
}

// TestArmorOfAnyLength has data of every length modulo a line, and some that fill buffers.
func TestArmorOfAnyLength(t *testing.T) {
	to := []*crypto.Cert{generate(t, "a@example.org").Cert()}
	for n := range 150 {
		if n >= 145 {
			n *= 1000
		}
		copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets(make([]byte, n))}, nil, to, crypto.EncryptOptions{})
		if err != nil {
			t.Fatal(err)
		}
		wantTidyArmor(t, armored(t, copies[0]), true)
	}
}

func TestLiteralDataTellsNothing(t *testing.T) {
	e := newEntity(t, at(now.Add(-day)))
	copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets("x")}, nil, []*crypto.Cert{cert(t, e)}, crypto.EncryptOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ps := packets(t, inside(t, dearmored(t, armored(t, copies[0])), e))
	if ps[0].Tag != 11 || !bytes.Equal(ps[0].Contents, []byte("b\x00\x00\x00\x00\x00x")) {
		t.Errorf("literal data: type %d, % x", ps[0].Tag, ps[0].Contents)
	}
}

func TestWriteToTwiceAndInVain(t *testing.T) {
	k := generate(t, "a@example.org")
	copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets(make([]byte, 1<<20))}, nil, []*crypto.Cert{k.Cert()}, crypto.EncryptOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(armored(t, copies[0]), armored(t, copies[0])) {
		t.Error("the second time it writes something else")
	}
	full := &fullDisk{room: 100_000}
	n, err := copies[0].WriteTo(full)
	if !errors.Is(err, errFull) || n != 100_000 || full.late {
		t.Errorf("wrote %d octets: %v, went on: %v", n, err, full.late)
	}
}

var errFull = errors.New("disk full")

type fullDisk struct {
	room int
	late bool // written to after the error
}

func (f *fullDisk) Write(p []byte) (int, error) {
	f.late = f.late || f.room == 0
	n := min(f.room, len(p))
	f.room -= n
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

func TestEncryptToNobody(t *testing.T) {
	if copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets("hello")}, nil, nil, crypto.EncryptOptions{}); err == nil {
		t.Errorf("%d copies", len(copies))
	}
}

// TestManyRecipientsAreNotListed leaves the list of intended recipients out before GnuPG would refuse the signature.
func TestManyRecipientsAreNotListed(t *testing.T) {
	k := generate(t, "a@example.org")
	to := append(generateMany(t, 100), k.Cert())
	copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets("hello")}, signer(t, k), to, crypto.EncryptOptions{Share: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := open(t, armored(t, copies[100]), entity(t, k), entity(t, k)).details.Signature.IntendedRecipients; len(got) != 0 {
		t.Errorf("%d intended recipients", len(got))
	}
}

// TestConcurrentUse is for the race detector: go-crypto's own entities do not stand it.
func TestConcurrentUse(t *testing.T) {
	all := readers(t)
	sender := generate(t, "sender@example.org")
	by := signer(t, sender)
	s := sealer()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, o := range []crypto.EncryptOptions{{}, {Share: true}} {
				copies, err := s.Encrypt(crypto.Payload{crypto.Octets("hello")}, by, certs(all), o)
				if err != nil {
					t.Error(err)
					return
				}
				copies[0].WriteTo(io.Discard)
				if _, err := s.Sign(crypto.Payload{crypto.Octets("hello")}, by); err != nil {
					t.Error(err)
				}
				if _, err := sender.Signer(now); err != nil {
					t.Error(err)
				}
				for _, c := range certs(all) {
					c.Check(now.Add(-2 * day))
					c.Expires(now)
					c.HasKeyID(1)
					c.Warnings()
					c.Algorithm()
					c.Explain(now)
					c.Revoked(now)
					if _, err := c.Merge(c.Bytes()); err != nil {
						t.Error(err)
					}
					if _, err := c.For(c.Addrs()[0]); err != nil {
						t.Error(err)
					}
					c.Certifies(c, c.Addrs()[0], now)
				}
			}
		})
	}
	wg.Wait()
}
