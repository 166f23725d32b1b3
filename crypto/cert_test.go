package crypto_test

import (
	"bytes"
	stdcrypto "crypto"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"sealmilter/crypto"
)

func readArmoredCert(t testing.TB, file string) *crypto.Cert {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := crypto.ReadKeyring(bytes.NewReader(b))
	if err != nil || len(ring.Certs) != 1 {
		t.Fatalf("%s: %d certificates, %v, %v", file, len(ring.Certs), ring.Skipped, err)
	}
	return ring.Certs[0]
}

func TestOldSHA1IsOnlyWarnedAbout(t *testing.T) {
	e := newEntity(t, at(time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC)))
	resign(t, e, stdcrypto.SHA1, time.Date(2023, 1, 31, 23, 59, 59, 0, time.UTC))
	c := cert(t, e)
	if err := c.Check(now); err != nil {
		t.Error(err)
	}
	if got := c.Warnings(); !slices.Equal(got, []string{"its self-signatures use SHA-1"}) {
		t.Errorf("warnings %q", got)
	}
}

func TestDescriptions(t *testing.T) {
	rsa := cert(t, newEntity(t, at(now.Add(-day), func(c *packet.Config) { c.Algorithm, c.RSABits = packet.PubKeyAlgoRSA, 2048 })))
	for _, tc := range []struct {
		cert      *crypto.Cert
		algorithm string
		warnings  []string
	}{
		{generate(t, "a@example.org").Cert(), "ed25519+cv25519", nil},
		{rsa, "rsa2048", []string{"its RSA key of 2048 bits is shorter than 3072"}},
		{readArmoredCert(t, "testdata/elgamal.asc"), "rsa3072+elg2048", nil},
		{cert(t, newEntity(t, v6(now.Add(-day)))), "ed25519+x25519", nil},
	} {
		if got := tc.cert.Algorithm(); got != tc.algorithm {
			t.Errorf("algorithm %q, want %q", got, tc.algorithm)
		}
		if got := tc.cert.Warnings(); !slices.Equal(got, tc.warnings) {
			t.Errorf("%s: warnings %q, want %q", tc.algorithm, got, tc.warnings)
		}
		if got, want := tc.cert.Created().Location(), time.UTC; got != want {
			t.Errorf("%s: created in %v", tc.algorithm, got)
		}
	}
}

func TestCertBytes(t *testing.T) {
	k := generate(t, "a@example.org")
	c := k.Cert()
	raw := c.Bytes()
	// What belongs to somebody's keyring, or to nobody yet, goes.
	withTrust := slices.Concat(raw, rawPacket(12, []byte{6, 1}), rawPacket(60, []byte("experiment")))
	again, err := crypto.ParseCert(withTrust)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Bytes(), raw) || again.Fingerprint() != c.Fingerprint() {
		t.Error("the certificate does not come back as it was")
	}
	raw[0] = 0
	if c.Bytes()[0] == 0 {
		t.Error("Bytes gives its own memory away")
	}
	secret, err := k.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := crypto.ParseCert(secret); err == nil {
		t.Error("a secret key passes for a certificate")
	}
	var armored bytes.Buffer
	if err := c.WriteArmored(&armored); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(dearmored(t, armored.Bytes()), c.Bytes()) || bytes.Contains(armored.Bytes(), []byte("\r")) {
		t.Errorf("armored:\n%s", &armored)
	}
	for _, p := range packets(t, c.Bytes()) {
		if p.Tag == 5 || p.Tag == 7 {
			t.Errorf("a packet of type %d in the certificate of a secret key", p.Tag)
		}
	}
}

// packets frames binary data by the library's reader.
func packets(t testing.TB, b []byte) []*packet.OpaquePacket {
	t.Helper()
	var all []*packet.OpaquePacket
	r := packet.NewOpaqueReader(bytes.NewReader(b))
	for {
		p, err := r.Next()
		if err != nil {
			if len(all) == 0 {
				t.Fatal(err)
			}
			return all
		}
		all = append(all, p)
	}
}

func TestHasKeyID(t *testing.T) {
	e := newEntity(t, at(now.Add(-day)))
	e.Subkeys = append(e.Subkeys, newEntity(t, at(now.Add(-day))).Subkeys[0])
	c := cert(t, e)
	for i, tc := range []struct {
		id   uint64
		want bool
	}{
		{e.PrimaryKey.KeyId, true}, {e.Subkeys[0].PublicKey.KeyId, true},
		{e.Subkeys[1].PublicKey.KeyId, false}, // not bound
		{0, false},
	} {
		if c.HasKeyID(tc.id) != tc.want {
			t.Errorf("%d: %v", i, !tc.want)
		}
	}
}

// TestLimits refuses certificates that would take much time or memory, before any signature is checked.
func TestLimits(t *testing.T) {
	e := newEntity(t, at(now.Add(-day)))
	good := certBytes(t, e)
	parts := packets(t, good)
	part := func(tag byte) []byte {
		for _, p := range parts {
			if p.Tag == tag {
				return rawPacket(tag, p.Contents)
			}
		}
		t.Fatalf("no packet of type %d", tag)
		return nil
	}
	huge := bytes.Repeat([]byte{0xff}, 2050)
	slow := newEntity(t, at(now.Add(-day), func(c *packet.Config) {
		c.Algorithm, c.Curve = packet.PubKeyAlgoECDSA, packet.CurveBrainpoolP512
	}))
	id := slow.Identities["Test <test@example.org>"]
	for len(id.SelfCertifications) <= 100 {
		sig := *id.SelfCertifications[0].Packet
		sig.CreationTime = sig.CreationTime.Add(time.Duration(len(id.SelfCertifications)) * time.Second)
		if err := sig.SignUserId(id.Name, slow.PrimaryKey, slow.PrivateKey, at(now)); err != nil {
			t.Fatal(err)
		}
		id.SelfCertifications = append(id.SelfCertifications, packet.NewVerifiableSig(&sig))
	}
	for _, tc := range []struct {
		name, text string
		cert       []byte
	}{
		{"size", "it is larger than 1 MiB", slices.Concat(good, rawPacket(17, make([]byte, 600<<10)), rawPacket(17, make([]byte, 600<<10)))},
		{"total", "it is larger than 1 MiB", make([]byte, 3<<20)},
		{"User IDs", "it has 101 User IDs, more than 100", slices.Concat(good, bytes.Repeat(part(13), 100))},
		{"signatures", "it has 1002 signatures, more than 1000", slices.Concat(good, bytes.Repeat(part(2), 1000))},
		{"subkeys", "it has 101 subkeys, more than 100", slices.Concat(good, bytes.Repeat(part(14), 100))},
		{"RSA 16400", "checking its signatures would take too long", forgedRSA(t, rsaPacket(16400, huge), smallRSA(t))},
		{"slow curve", "checking its signatures would take too long", certBytes(t, slow)},
		{"two", "it holds a packet of type 6, which is no part of it", slices.Concat(good, good)},
		{"compressed", "it holds a packet of type 8, which is no part of it", slices.Concat(good, rawPacket(8, []byte{0}))},
		{"empty", "it does not begin with a public key", nil},
		{"truncated", "the OpenPGP data is damaged: it ends in the middle of a packet", good[:len(good)-1]},
		{"no User ID", "it has no User ID", part(6)},
	} {
		_, err := crypto.ParseCert(tc.cert)
		var u *crypto.Unusable
		if !errors.As(err, &u) || u.Reason != crypto.Malformed || u.Error() != tc.text {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.text)
		}
	}
}
