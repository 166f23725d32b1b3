package crypto_test

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"sealmilter/crypto"
)

// encrypted returns a binary message to one certificate.
func encrypted(t testing.TB, c *crypto.Cert, payload int) []byte {
	t.Helper()
	copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets(make([]byte, payload))}, nil, []*crypto.Cert{c}, crypto.EncryptOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return dearmored(t, armored(t, copies[0]))
}

func TestInspectMessage(t *testing.T) {
	other := generate(t, "other@example.org").Cert()
	v6 := cert(t, newEntity(t, v6(now.Add(-day))))
	for _, c := range []*crypto.Cert{generate(t, "a@example.org").Cert(), v6} {
		for _, payload := range []int{0, 100, 100_000} {
			raw := encrypted(t, c, payload)
			ps := packets(t, raw)
			marker, padding := rawPacket(10, []byte("PGP")), rawPacket(21, []byte("xxxx"))
			for name, b := range map[string][]byte{
				"binary": raw,
				"padded": slices.Concat(marker, rawPacket(1, ps[0].Contents), padding, raw[len(raw)-dataLength(t, raw):], padding, marker),
			} {
				m, err := crypto.InspectMessage(b)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if !m.For(c) || m.For(other) || m.Anonymous || len(m.KeyIDs) != 1 || !c.HasKeyID(m.KeyIDs[0]) {
					t.Errorf("%s: %+v", name, m)
				}
			}
			if payload > 100 {
				continue
			}
			for n := range raw {
				if _, err := crypto.InspectMessage(raw[:n]); !errors.Is(err, crypto.ErrNotEncrypted) {
					t.Fatalf("the first %d of %d octets: %v", n, len(raw), err)
				}
			}
		}
	}
}

// dataLength is the length of the data packet, header included.
func dataLength(t testing.TB, raw []byte) int {
	t.Helper()
	n := 2 // the header of a session-key packet below 192 octets
	return len(raw) - n - int(raw[1])
}

// TestInspectGnuPG has messages as GnuPG makes them.
func TestInspectGnuPG(t *testing.T) {
	g := newGnuPG(t)
	g.quickKey("Ed <ed@example.org>", "future-default", "")
	g.quickKey("Rita <rita@example.org>", "future-default", "")
	ring, err := crypto.ReadKeyring(bytes.NewReader(g.exported("--export")))
	if err != nil {
		t.Fatal(err)
	}
	ed, rita := ring.Certs[0], ring.Certs[1]
	payload := bytes.Repeat([]byte("hello "), 10_000)
	encrypt := func(args ...string) []byte {
		t.Helper()
		out, _ := g.run(payload, append(args, "--encrypt")...)
		return out
	}
	for _, tc := range []struct {
		name      string
		message   []byte
		ed, rita  bool
		anonymous bool
	}{
		{"binary", encrypt("-r", "ed@example.org"), true, false, false},
		{"armored", encrypt("-r", "rita@example.org", "--armor"), false, true, false},
		{"both", encrypt("-r", "rita@example.org", "-r", "ed@example.org", "--armor", "--comment", "made by gpg"), true, true, false},
		{"hidden", encrypt("-R", "ed@example.org", "--armor", "--emit-version"), false, false, true},
		{"hidden beside one that is named", encrypt("-R", "ed@example.org", "-r", "rita@example.org"), false, true, true},
		{"CRLF", bytes.ReplaceAll(encrypt("-r", "ed@example.org", "--armor"), []byte("\n"), []byte("\r\n")), true, false, false},
		{"blanks around", slices.Concat([]byte("\r\n \r\n"), encrypt("-r", "ed@example.org", "--armor"), []byte("\r\n\r\n")), true, false, false},
	} {
		m, err := crypto.InspectMessage(tc.message)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if m.For(ed) != tc.ed || m.For(rita) != tc.rita || m.Anonymous != tc.anonymous {
			t.Errorf("%s: ed %v, rita %v, anonymous %v", tc.name, m.For(ed), m.For(rita), m.Anonymous)
		}
	}
	for _, tc := range []struct {
		name    string
		message []byte
		text    string
	}{
		{"by passphrase", encrypt("--symmetric", "--passphrase", "x", "-r", "ed@example.org"), "a packet of type 3 stands before the encrypted data"},
		{"signed only", g.exported("--local-user", "ed@example.org", "--compress-algo", "none", "--sign"), "a packet of type 4 stands before the encrypted data"},
		{"a key", g.exported("--export"), "a packet of type 6 stands before the encrypted data"},
		{"an armored key", g.exported("--armor", "--export"), "it is neither binary nor an armored PGP MESSAGE"},
	} {
		if _, err := crypto.InspectMessage(tc.message); !errors.Is(err, crypto.ErrNotEncrypted) || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.text)
		}
	}
}

// TestInspectRefuses has what only looks like an encrypted message.
func TestInspectRefuses(t *testing.T) {
	c := generate(t, "a@example.org").Cert()
	raw := encrypted(t, c, 1000)
	ps := packets(t, raw)
	key, data := rawPacket(1, ps[0].Contents), rawPacket(18, ps[1].Contents)
	v6raw := encrypted(t, cert(t, newEntity(t, v6(now.Add(-day)))), 1000)
	v6key := rawPacket(1, packets(t, v6raw)[0].Contents)
	text := string(armoredMessage(t, c))
	inText := func(old, new string) []byte {
		t.Helper()
		if !strings.Contains(text, old) {
			t.Fatalf("no %q", old)
		}
		return []byte(strings.Replace(text, old, new, 1))
	}
	checksum := text[strings.LastIndex(text, "\r\n=")+2:][:5]
	literal := rawPacket(11, []byte("b\x00\x00\x00\x00\x00secret"))
	for _, tc := range []struct {
		name string
		b    []byte
		text string
	}{
		{"nothing", nil, "it is neither binary nor an armored PGP MESSAGE"},
		{"words", []byte("hello"), "it is neither binary nor an armored PGP MESSAGE"},
		{"no data", key, "it ends in the middle of a packet"},
		{"no key", data, "it is not encrypted to a public key"},
		{"text after", slices.Concat(raw, literal), "a packet of type 11 follows the encrypted data"},
		{"text between", slices.Concat(key, literal, data), "a packet of type 11 stands before the encrypted data"},
		{"text before", slices.Concat(literal, key, data), "a packet of type 11 stands before the encrypted data"},
		{"octets after", slices.Concat(raw, []byte("secret")), "no packet begins with the octet 0x73"},
		{"a second message", slices.Concat(raw, raw), "a packet of type 1 follows the encrypted data"},
		{"no integrity", slices.Concat(key, rawPacket(9, ps[1].Contents[1:])), "a packet of type 9 stands before the encrypted data"},
		{"unknown data", slices.Concat(key, rawPacket(18, append([]byte{3}, ps[1].Contents[1:]...))), "its data are encrypted in an unknown way"},
		{"short data", slices.Concat(key, rawPacket(18, ps[1].Contents[:40])), "its data are too short"},
		{"another version's key", slices.Concat(v6key, data), "its session keys and its data do not belong together"},
		{"one key of another version", slices.Concat(key, v6key, data), "its session keys and its data do not belong together"},
		{"a torn key", slices.Concat(rawPacket(1, ps[0].Contents[:20]), data), "a session key cannot be read"},
		{"an old key", slices.Concat(rawPacket(1, append([]byte{2}, ps[0].Contents[1:]...)), data), "a session key cannot be read"},
		{"a huge key", slices.Concat(rawPacket(1, append(ps[0].Contents, make([]byte, 1<<20)...)), data), "its session keys are too large or too many"},
		{"a key in pieces", slices.Concat([]byte{0xc1, 0xe0, 3, 1, 3}, data), "comes in pieces"},
		{"padding in pieces", slices.Concat(raw, []byte{0xd5, 0xe0, 3, 1, 3}), "comes in pieces"},
		{"text before the armor", []byte("secret\r\n" + text), "it is neither binary nor an armored PGP MESSAGE"},
		{"text after the armor", []byte(text + "secret\r\n"), "its armor does not end"},
		{"two blocks", []byte(text + text), "text follows the checksum of its armor"},
		{"text in the first line", inText("-----BEGIN PGP MESSAGE-----", "-----BEGIN PGP MESSAGE-----secret"), "text follows the first line of its armor"},
		{"text as a header", inText("\r\n\r\n", "\r\nSecret: secret\r\n\r\n"), "its armor has a header that does not belong there"},
		{"text as headers", inText("\r\n\r\n", "\r\n"+strings.Repeat("Comment: secret\r\n", 8)+"\r\n"), "the headers of its armor do not end"},
		{"text in a header", inText("\r\n\r\n", "\r\nComment: "+strings.Repeat("secret", 40)+"\r\n\r\n"), "its armor has a header that does not belong there"},
		{"text after the checksum", inText(checksum, checksum+"\r\nsecret"), "text follows the checksum of its armor"},
		{"text as the checksum", inText(checksum, "=secret!"), "the checksum of its armor is none"},
		{"text in the middle", inText("\r\n"+checksum, "\r\nto be kept secret\r\n"+checksum), "its armor is not in Base64"},
		{"no end", []byte(strings.TrimSuffix(text, "-----\r\n")), "its armor does not end"},
		{"an end in a line", inText("\r\n-----END", "-----END"), "its armor does not end"},
	} {
		if _, err := crypto.InspectMessage(tc.b); !errors.Is(err, crypto.ErrNotEncrypted) || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.text)
		}
	}
	many := slices.Concat(bytes.Repeat(key, 6000), data)
	if _, err := crypto.InspectMessage(many); !errors.Is(err, crypto.ErrNotEncrypted) {
		t.Errorf("6000 session keys: %v", err)
	}
}

func armoredMessage(t testing.TB, c *crypto.Cert) []byte {
	t.Helper()
	copies, err := sealer().Encrypt(crypto.Payload{crypto.Octets(make([]byte, 1000))}, nil, []*crypto.Cert{c}, crypto.EncryptOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return armored(t, copies[0])
}

// TestInspectLibrePGP accepts the data packet of GnuPG 2.4, which nothing at hand writes.
func TestInspectLibrePGP(t *testing.T) {
	c := generate(t, "a@example.org").Cert()
	key := rawPacket(1, packets(t, encrypted(t, c, 10))[0].Contents)
	m, err := crypto.InspectMessage(slices.Concat(key, rawPacket(20, append([]byte{1, 9, 2, 16}, make([]byte, 200)...))))
	if err != nil || !m.For(c) {
		t.Error(err)
	}
}

// TestForIgnoresForeignSubkeys has a subkey put into a certificate by somebody else: a message to it is not a
// message to the owner.
func TestForIgnoresForeignSubkeys(t *testing.T) {
	e, mallory := newEntity(t, at(now.Add(-day))), newEntity(t, at(now.Add(-day)))
	raw := encrypted(t, cert(t, mallory), 10)
	e.Subkeys = append(e.Subkeys, mallory.Subkeys...)
	m, err := crypto.InspectMessage(raw)
	if err != nil {
		t.Fatal(err)
	}
	if m.For(cert(t, e)) {
		t.Error("a message to a subkey that is not bound passes as one to the owner")
	}
	if want := binary.BigEndian.Uint64(packets(t, raw)[0].Contents[1:]); m.KeyIDs[0] != want {
		t.Errorf("key ID %x, want %x", m.KeyIDs[0], want)
	}
	// A key that only signs opens nothing, whatever names it.
	binary.BigEndian.PutUint64(raw[3:], mallory.PrimaryKey.KeyId)
	if m, err := crypto.InspectMessage(raw); err != nil || m.For(cert(t, mallory)) {
		t.Errorf("a message to a signing key: %v", err)
	}
}

// TestForRevokedSubkeys has a message to a subkey that was revoked afterwards. Who has retired a key still reads by it; what
// somebody else may have protects nothing.
func TestForRevokedSubkeys(t *testing.T) {
	for _, tc := range []struct {
		reason packet.ReasonForRevocation
		want   bool
	}{{packet.KeySuperseded, true}, {packet.KeyRetired, true}, {packet.KeyCompromised, false}, {packet.NoReason, false}} {
		e := newEntity(t, at(now.Add(-day)))
		raw := encrypted(t, cert(t, e), 10)
		if err := e.AddEncryptionSubkey(at(now.Add(-day))); err != nil {
			t.Fatal(err)
		}
		if err := e.Subkeys[0].Revoke(tc.reason, "", at(now)); err != nil {
			t.Fatal(err)
		}
		m, err := crypto.InspectMessage(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.For(cert(t, e)); got != tc.want {
			t.Errorf("revoked for reason %d: %t", tc.reason, got)
		}
	}
}

// TestForExpiredSubkey has a message to a subkey that has expired since.
func TestForExpiredSubkey(t *testing.T) {
	lifetime := at(now.Add(-day))
	lifetime.KeyLifetimeSecs = 3600
	e := newEntity(t, lifetime)
	sealer := crypto.Sealer{Now: func() time.Time { return now.Add(-day).Add(time.Minute) }, Rand: rand.Reader}
	copies, err := sealer.Encrypt(crypto.Payload{crypto.Octets("x")}, nil, []*crypto.Cert{cert(t, e)}, crypto.EncryptOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := crypto.InspectMessage(armored(t, copies[0]))
	if err != nil || !m.For(cert(t, e)) || cert(t, e).Check(now) == nil {
		t.Errorf("%v", err)
	}
}

// TestInspectCertificates has what may stand beside a message, and what may not.
func TestInspectCertificates(t *testing.T) {
	a, b := generate(t, "a@example.org"), generate(t, "b@example.org")
	secret, err := a.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	raw, text := a.Cert().Bytes(), armoredCert(t, a.Cert())
	for _, tc := range []struct {
		name string
		b    []byte
		want bool
	}{
		{"binary", raw, true},
		{"two", slices.Concat(raw, b.Cert().Bytes()), true},
		{"armored", text, true},
		{"armored, white space around", slices.Concat([]byte(" \r\n"), text, []byte("\n\n")), true},
		{"nothing", nil, false},
		{"words", []byte("secret"), false},
		{"words before", slices.Concat([]byte("secret\n"), text), false},
		{"words behind", slices.Concat(text, []byte("secret\n")), false},
		{"octets behind", slices.Concat(raw, []byte("secret")), false},
		{"a literal packet behind", slices.Concat(raw, rawPacket(11, []byte("b\x00\x00\x00\x00\x00secret"))), false},
		{"a packet that nobody knows behind", slices.Concat(raw, rawPacket(61, []byte("secret"))), false},
		{"padding", slices.Concat(raw, rawPacket(21, []byte("secret"))), false},
		{"trust", slices.Concat(raw, rawPacket(12, []byte("secret"))), false},
		{"a secret key", secret, false},
		{"a certificate and a secret key", slices.Concat(b.Cert().Bytes(), secret), false},
		{"a message", encrypted(t, a.Cert(), 10), false},
		{"cut off", raw[:len(raw)-10], false},
		{"too many", bytes.Repeat(raw, 101), false},
		{"too much", bytes.Repeat(raw, 3<<20/len(raw)), false},
	} {
		if err := crypto.InspectCertificates(tc.b); (err == nil) != tc.want || err != nil && !errors.Is(err, crypto.ErrNotCertificates) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}
