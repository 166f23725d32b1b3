package crypto_test

import (
	"bytes"
	stdcrypto "crypto"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/ProtonMail/go-crypto/openpgp/s2k"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealmilter/crypto"
)

func secretKey(t testing.TB, e *openpgp.Entity) *crypto.SecretKey {
	t.Helper()
	k, err := crypto.ParseSecretKey(secretBytes(t, e))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestLockAndUnlock(t *testing.T) {
	for _, cfg := range []*packet.Config{at(now.Add(-day)), v6(now.Add(-day))} {
		k := secretKey(t, newEntity(t, cfg))
		locked, err := k.Lock([]byte("correct horse"), random())
		if err != nil {
			t.Fatal(err)
		}
		if !locked.Locked() || k.Locked() {
			t.Error("Lock must lock its result and leave the key alone")
		}
		if _, err := locked.Signer(now); !errors.Is(err, crypto.ErrLocked) {
			t.Errorf("a locked key signs: %v", err)
		}
		if _, err := locked.Lock([]byte("again"), random()); !errors.Is(err, crypto.ErrLocked) {
			t.Errorf("a locked key is locked again: %v", err)
		}
		if _, err := locked.Unlock([]byte("wrong")); !errors.Is(err, crypto.ErrPassphrase) {
			t.Errorf("a wrong passphrase: %v", err)
		}
		b, err := locked.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		again, err := crypto.ParseSecretKey(b)
		if err != nil {
			t.Fatal(err)
		}
		unlocked, err := again.Unlock([]byte("correct horse"))
		if err != nil {
			t.Fatal(err)
		}
		want, _ := k.Bytes()
		if got, err := unlocked.Bytes(); err != nil || !bytes.Equal(got, want) {
			t.Errorf("the key does not come back as it was: %v", err)
		}
		signer(t, unlocked)
		if !bytes.Equal(locked.Cert().Bytes(), k.Cert().Bytes()) {
			t.Error("locking changes the certificate")
		}
		var armored bytes.Buffer
		if err := locked.WriteArmored(&armored); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(armored.String(), "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n") || !bytes.Equal(dearmored(t, armored.Bytes()), b) {
			t.Errorf("armored:\n%s", &armored)
		}
	}
}

// TestForeignSecret has a key whose public part somebody has replaced by their own.
func TestForeignSecret(t *testing.T) {
	e, mallory := newEntity(t, at(now.Add(-day))), newEntity(t, at(now.Add(-day)))
	e.PrivateKey.PublicKey, mallory.PrivateKey.PublicKey = mallory.PrivateKey.PublicKey, e.PrivateKey.PublicKey
	if err := mallory.PrivateKey.EncryptWithConfig([]byte("secret"), at(now)); err != nil {
		t.Fatal(err)
	}
	forged := *e
	forged.PrivateKey = mallory.PrivateKey
	_, err := secretKey(t, &forged).Unlock([]byte("secret"))
	wantReason(t, err, crypto.Malformed, "its secret and public parts do not belong together")
}

// TestSecretsDoNotPrint prints keys in all ways.
func TestSecretsDoNotPrint(t *testing.T) {
	k := generate(t, "a@example.org")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got, want := fmt.Sprintf(verb, k), "secret key "+k.Fingerprint(); got != want {
			t.Errorf("%s prints %q", verb, got)
		}
		if got, want := fmt.Sprintf(verb, signer(t, k)), "signer "+k.Fingerprint(); got != want {
			t.Errorf("%s prints %q", verb, got)
		}
	}
}

// TestArgon2IsCapped has a key that asks for more memory than a relay host may have.
func TestArgon2IsCapped(t *testing.T) {
	e := newEntity(t, v6(now.Add(-day)))
	for _, tc := range []struct {
		memory uint32 // KiB
		ok     bool
	}{{64 << 10, true}, {512 << 10, false}} {
		locked := *e.PrivateKey
		cfg := v6(now)
		cfg.S2KConfig = &s2k.Config{S2KMode: s2k.Argon2S2K, Argon2Config: &s2k.Argon2Config{
			NumberOfPasses: 1, DegreeOfParallelism: 1, Memory: tc.memory,
		}}
		if err := locked.EncryptWithConfig([]byte("secret"), cfg); err != nil {
			t.Fatal(err)
		}
		copied := *e
		copied.PrivateKey = &locked
		k := secretKey(t, &copied)
		_, err := k.Unlock([]byte("secret"))
		if tc.ok && err != nil {
			t.Errorf("%d KiB: %v", tc.memory, err)
		}
		if !tc.ok {
			wantReason(t, err, crypto.Malformed,
				"unlocking it takes more than 256 MiB of memory: lock it anew with weaker Argon2 parameters")
		}
	}
}

// TestSigner says what keeps a key from signing, and picks the right part of it.
func TestSigner(t *testing.T) {
	made := now.Add(-10 * day)
	for _, tc := range []struct {
		name   string
		change func(*packet.Config)
		edit   func(*openpgp.Entity)
		reason crypto.Reason
		text   string
	}{
		{"expired", func(c *packet.Config) { c.KeyLifetimeSecs = 86400 }, nil, crypto.Expired, "its certificate expired on 2025-12-24"},
		{"revoked", nil, func(e *openpgp.Entity) {
			if err := e.Revoke(packet.KeyRetired, "", at(made)); err != nil {
				t.Fatal(err)
			}
		}, crypto.Revoked, "its certificate is revoked"},
		{"weak", func(c *packet.Config) { c.Algorithm, c.RSABits = packet.PubKeyAlgoRSA, 1024 }, nil,
			crypto.Weak, "its RSA key of 1024 bits is too short"},
		{"may not sign", nil, certifyOnly(t, made), crypto.NoSigning, "it has no key to sign with"},
		{"signing subkey revoked", nil, func(e *openpgp.Entity) {
			certifyOnly(t, made)(e)
			if err := e.AddSigningSubkey(at(made)); err != nil {
				t.Fatal(err)
			}
			if err := e.Subkeys[1].Revoke(packet.KeyRetired, "", at(made)); err != nil {
				t.Fatal(err)
			}
		}, crypto.Revoked, "its signing subkey is revoked"},
	} {
		e := newEntity(t, at(made, func(c *packet.Config) {
			if tc.change != nil {
				tc.change(c)
			}
		}))
		if tc.edit != nil {
			tc.edit(e)
		}
		_, err := secretKey(t, e).Signer(now)
		var u *crypto.Unusable
		if !errors.As(err, &u) || u.Reason != tc.reason || u.Error() != tc.text {
			t.Errorf("%s: %v, want %v: %s", tc.name, err, tc.reason, tc.text)
		}
	}

	e := newEntity(t, at(made))
	issuer := func() uint64 {
		t.Helper()
		sig, err := sealer().Sign(crypto.Payload{crypto.Octets("x")}, signer(t, secretKey(t, e)))
		if err != nil {
			t.Fatal(err)
		}
		p, err := packet.Read(bytes.NewReader(dearmored(t, sig.Armored)))
		if err != nil {
			t.Fatal(err)
		}
		return *p.(*packet.Signature).IssuerKeyId
	}
	if issuer() != e.PrimaryKey.KeyId {
		t.Error("without a signing subkey the primary key signs")
	}
	for i, made := range []time.Time{now.Add(-3 * day), now.Add(-2 * day), now.Add(day)} {
		if err := e.AddSigningSubkey(at(made)); err != nil {
			t.Fatal(err)
		}
		if made.After(now) {
			i--
		}
		if issuer() != e.Subkeys[1+i].PublicKey.KeyId {
			t.Errorf("after subkey %d another one signs", i)
		}
	}
}

// certifyOnly takes the right to sign from the primary key.
func certifyOnly(t testing.TB, made time.Time) func(*openpgp.Entity) {
	return func(e *openpgp.Entity) {
		for _, id := range e.Identities {
			id.SelfCertifications[0].Packet.FlagSign = false
		}
		resign(t, e, stdcrypto.SHA256, made)
	}
}

func TestParseSecretKeyRefuses(t *testing.T) {
	e := newEntity(t, at(now.Add(-day)))
	good := secretBytes(t, e)
	for _, tc := range []struct {
		name string
		b    []byte
		text string
	}{
		{"nothing", nil, "it does not begin with a secret key"},
		{"a certificate", certBytes(t, e), "it does not begin with a secret key"},
		{"two", append(bytes.Clone(good), good...), "it holds a packet of type 6, which is no part of it"},
		{"a public key in its place", rawPacket(5, packets(t, certBytes(t, e))[0].Contents), "its secret part is missing"},
		{"an old lock", rawPacket(5, append(packets(t, certBytes(t, e))[0].Contents, 9, 0, 0)), "its secret part is locked in an obsolete way"},
		{"a torn lock", rawPacket(5, append(packets(t, certBytes(t, e))[0].Contents, 254, 9, 3)), "its secret part is truncated"},
		{"text", []byte("-----BEGIN PGP PRIVATE KEY BLOCK-----"), "the OpenPGP data is damaged: no packet begins with the octet 0x2d"},
	} {
		_, err := crypto.ParseSecretKey(tc.b)
		var u *crypto.Unusable
		if !errors.As(err, &u) || u.Error() != tc.text {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.text)
		}
	}
}

func TestGenerate(t *testing.T) {
	made := now.Add(-day)
	k, err := crypto.Generate(address(t, "Jo@Example.org"), crypto.GenerateOptions{Name: "Jo Doe", Now: made, Rand: random(), Lifetime: 365 * day})
	if err != nil {
		t.Fatal(err)
	}
	c := k.Cert()
	if ids := c.UserIDs(); len(ids) != 1 || ids[0] != "Jo Doe <Jo@Example.org>" {
		t.Errorf("User IDs %q", ids)
	}
	if end, ok := c.Expires(now); !ok || !end.Equal(made.Add(365*day)) {
		t.Errorf("expires %v, %v", end, ok)
	}
	if !c.Created().Equal(made) || k.Locked() {
		t.Errorf("created %v, locked %v", c.Created(), k.Locked())
	}
	sig := entity(t, k).Identities["Jo Doe <Jo@Example.org>"].SelfCertifications[0].Packet
	if sig.SEIPDv2 || !sig.SEIPDv1 || !bytes.Equal(sig.PreferredSymmetric, []byte{9, 7}) || !bytes.Equal(sig.PreferredHash, []byte{10, 8}) ||
		!bytes.Equal(sig.PreferredCompression, []byte{0}) {
		t.Errorf("preferences %v %v %v, features %v %v", sig.PreferredSymmetric, sig.PreferredHash, sig.PreferredCompression, sig.SEIPDv1, sig.SEIPDv2)
	}
	for _, tc := range []struct {
		addr string
		o    crypto.GenerateOptions
	}{
		{"a@example.org", crypto.GenerateOptions{Algorithm: 9}},
		{"a@example.org", crypto.GenerateOptions{Lifetime: -day}},
		{"a@example.org", crypto.GenerateOptions{Lifetime: time.Millisecond}},
		{"a@example.org", crypto.GenerateOptions{Lifetime: 200 * 365 * day}},
		{"a@example.org", crypto.GenerateOptions{Name: "Jo <x@example.com>"}},
		{"a@example.org", crypto.GenerateOptions{Name: "Jo\n"}},
		{"a@example.org", crypto.GenerateOptions{Name: "Jo\xff"}},
		{`"<"@example.org`, crypto.GenerateOptions{}},
	} {
		tc.o.Now, tc.o.Rand = made, random()
		if k, err := crypto.Generate(address(t, tc.addr), tc.o); err == nil {
			t.Errorf("%s %+v: %q", tc.addr, tc.o, k.Cert().UserIDs())
		}
	}
}

// TestGenerateV6 asks for what a version 6 key must be and say (RFC 9580, sections 5.5.2.3 and 10.1.1).
func TestGenerateV6(t *testing.T) {
	made := now.Add(-day)
	k, err := crypto.Generate(address(t, "jo@example.org"), crypto.GenerateOptions{Now: made, Rand: random(), Lifetime: 365 * day, Algorithm: crypto.V6})
	if err != nil {
		t.Fatal(err)
	}
	if len(k.Fingerprint()) != 64 {
		t.Errorf("fingerprint %s", k.Fingerprint())
	}
	if end, ok := k.Cert().Expires(now); !ok || !end.Equal(made.Add(365*day)) {
		t.Errorf("expires %v, %v", end, ok)
	}
	e := entity(t, k)
	if primary, sub := e.PrimaryKey, e.Subkeys[0].PublicKey; primary.Version != 6 || primary.PubKeyAlgo != packet.PubKeyAlgoEd25519 ||
		sub.Version != 6 || sub.PubKeyAlgo != packet.PubKeyAlgoX25519 {
		t.Errorf("version %d, algorithms %v and %v", primary.Version, primary.PubKeyAlgo, sub.PubKeyAlgo)
	}
	sig := e.DirectSignatures[0].Packet
	if !sig.SEIPDv2 || !sig.SEIPDv1 || len(sig.PreferredCipherSuites) == 0 || sig.PreferredCipherSuites[0] != [2]uint8{9, 2} {
		t.Errorf("features %v %v, suites %v", sig.SEIPDv1, sig.SEIPDv2, sig.PreferredCipherSuites)
	}
	if addrs := k.Cert().Addrs(); len(addrs) != 1 || addrs[0] != address(t, "jo@example.org") {
		t.Errorf("addresses %v", addrs)
	}
	signer(t, k)
}
