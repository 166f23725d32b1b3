package crypto_test

import (
	"bytes"
	stdcrypto "crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealmilter/crypto"
)

func tags(t testing.TB, b []byte) (all []byte) {
	t.Helper()
	for _, p := range packets(t, b) {
		all = append(all, p.Tag)
	}
	return all
}

// everything is a version 4 key with all that a certificate can have, in which alice has two User IDs.
func everything(t testing.TB) *openpgp.Entity {
	t.Helper()
	e := newEntity(t, at(now.Add(-10*day)))
	for _, id := range []string{"Alice <alice@example.org>", "alice@EXAMPLE.org", "gone@example.org"} {
		addUserID(t, e, id)
	}
	revokeUserID(t, e, "gone@example.org", now)
	certify(t, newEntity(t, at(now.Add(-10*day))), e, "Alice <alice@example.org>", now.Add(-day), func(*packet.Signature) {})
	if err := errors.Join(e.AddEncryptionSubkey(at(now.Add(-2*day))), e.AddSigningSubkey(at(now.Add(-day))),
		e.AddEncryptionSubkey(at(now.Add(-day)))); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestMinimal(t *testing.T) {
	v4, whole := []byte{6, 13, 2, 14, 2}, []byte{6, 2, 13, 2, 14, 2}
	made := now.Add(-10 * day)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		cert []byte
		addr string
		want []byte
	}{
		{"ours", generate(t, "test@example.org").Cert().Bytes(), "test@example.org", v4},
		{"everything", slices.Concat(certBytes(t, everything(t)), unknownSubkey(t, newEntity(t, at(made)))), "Alice@example.ORG", v4},
		{"version 6", certBytes(t, newEntity(t, v6(made))), "test@example.org", whole},
		{"one that a direct-key signature ends", func() []byte {
			e := newEntity(t, at(made))
			addDirectSignature(t, e, now.Add(-day), 20*day)
			return certBytes(t, e)
		}(), "test@example.org", whole},
		{"a direct-key signature that says less", func() []byte {
			e := newEntity(t, at(made))
			addDirectSignature(t, e, now.Add(-day), 0)
			return certBytes(t, e)
		}(), "test@example.org", v4},
		{"no key but the primary one", forgedRSA(t, rsaPacket(2048, rsaKey.N.Bytes()), rsaKey), "forged@example.org", v4[:3]},
		{"post-quantum", certBytes(t, withSubkeys(t, v6(made), packet.PubKeyAlgoMlkem768X25519)), "test@example.org", whole},
	} {
		c := parsedCert(t, tc.cert)
		m, err := c.Minimal(address(t, tc.addr), now)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if got := tags(t, m.Bytes()); !slices.Equal(got, tc.want) {
			t.Errorf("%s: packets %d, want %d", tc.name, got, tc.want)
		}
		if m.Fingerprint() != c.Fingerprint() {
			t.Errorf("%s: another key", tc.name)
		}
		expires, ends := m.Expires(now)
		if want, wantEnds := c.Expires(now); !expires.Equal(want) || ends != wantEnds {
			t.Errorf("%s: it expires %v, want %v", tc.name, expires, want)
		}
		if again, err := m.Minimal(address(t, tc.addr), now); err != nil || !bytes.Equal(again.Bytes(), m.Bytes()) {
			t.Errorf("%s: reducing again changes it: %v", tc.name, err)
		}
	}
}

// TestMinimalChooses looks at which of several User IDs, subkeys and signatures stays.
func TestMinimalChooses(t *testing.T) {
	e := everything(t)
	primary := true
	id := e.Identities["alice@EXAMPLE.org"]
	sig := *id.SelfCertifications[0].Packet
	sig.IsPrimaryId, sig.CreationTime = &primary, now.Add(-3*day)
	if err := sig.SignUserId(id.Name, e.PrimaryKey, e.PrivateKey, at(sig.CreationTime)); err != nil {
		t.Fatal(err)
	}
	id.SelfCertifications = []*packet.VerifiableSignature{packet.NewVerifiableSig(&sig)}
	newer := *e.Subkeys[1].Bindings[0].Packet
	newer.CreationTime = now.Add(-time.Hour)
	if err := newer.SignKey(e.Subkeys[1].PublicKey, e.PrivateKey, at(newer.CreationTime)); err != nil {
		t.Fatal(err)
	}
	e.Subkeys[1].Bindings = append(e.Subkeys[1].Bindings, packet.NewVerifiableSig(&newer))

	m, err := cert(t, e).Minimal(address(t, "alice@example.org"), now)
	if err != nil {
		t.Fatal(err)
	}
	if ids := m.UserIDs(); !slices.Equal(ids, []string{"alice@EXAMPLE.org"}) {
		t.Errorf("User IDs %q, want the primary one", ids)
	}
	if !m.HasKeyID(e.Subkeys[1].PublicKey.KeyId) {
		t.Error("not the subkey that was bound last")
	}
	last := packets(t, m.Bytes())[4]
	if parsed, err := last.Parse(); err != nil || !parsed.(*packet.Signature).CreationTime.Equal(newer.CreationTime) {
		t.Errorf("not the newest binding: %+v, %v", parsed, err)
	}
	// Before the newest binding was made, the subkey that was then the newest one stays.
	m, err = cert(t, e).Minimal(address(t, "alice@example.org"), now.Add(-2*time.Hour))
	if err != nil || !m.HasKeyID(e.Subkeys[3].PublicKey.KeyId) {
		t.Errorf("two hours ago: %v", err)
	}
	for _, other := range []string{"gone@example.org", "mallory@example.org", "lice@example.org"} {
		if _, err := cert(t, e).Minimal(address(t, other), now); !errors.Is(err, crypto.ErrNotNamed) {
			t.Errorf("%s: %v", other, err)
		}
	}
}

func TestMinimalOfUnusable(t *testing.T) {
	revoked, signOnly := newEntity(t, at(now.Add(-day))), newEntity(t, at(now.Add(-day)))
	if err := revoked.Revoke(packet.KeyCompromised, "", at(now)); err != nil {
		t.Fatal(err)
	}
	signOnly.Subkeys = nil
	hashed := newEntity(t, at(now.Add(-day)))
	resign(t, hashed, stdcrypto.SHA1, now.Add(-time.Hour))
	for _, tc := range []struct {
		name   string
		cert   *crypto.Cert
		at     time.Time
		reason crypto.Reason
	}{
		{"revoked", cert(t, revoked), now, crypto.Revoked},
		{"no encryption subkey", cert(t, signOnly), now, crypto.NoEncryption},
		{"SHA-1", cert(t, hashed), now, crypto.Weak},
		{"too early", generate(t, "test@example.org").Cert(), now.Add(-365 * day), crypto.NotYetValid},
	} {
		m, err := tc.cert.Minimal(address(t, "test@example.org"), tc.at)
		var unusable *crypto.Unusable
		if m != nil || !errors.As(err, &unusable) || unusable.Reason != tc.reason {
			t.Errorf("%s: %v, %v", tc.name, m != nil, err)
		}
	}
	// The other User ID alone says that the key is still valid.
	split := newEntity(t, at(now.Add(-10*day), func(c *packet.Config) { c.KeyLifetimeSecs = uint32(5 * day / time.Second) }))
	addUserID(t, split, "other@example.org")
	own := split.Identities["other@example.org"].SelfCertifications[0].Packet
	own.KeyLifetimeSecs, own.IsPrimaryId, own.CreationTime = nil, packet.BoolPointer(true), now.Add(-day)
	if err := own.SignUserId("other@example.org", split.PrimaryKey, split.PrivateKey, at(now.Add(-day))); err != nil {
		t.Fatal(err)
	}
	for _, sub := range split.Subkeys {
		sub.Bindings[0].Packet.KeyLifetimeSecs = nil
		if err := sub.Bindings[0].Packet.SignKey(sub.PublicKey, split.PrivateKey, at(now.Add(-day))); err != nil {
			t.Fatal(err)
		}
	}
	c := cert(t, split)
	if _, err := c.Minimal(address(t, "other@example.org"), now); err != nil {
		t.Error(err)
	}
	if m, err := c.Minimal(address(t, "test@example.org"), now); err == nil {
		t.Errorf("a User ID by which the key has expired: %v", m.UserIDs())
	}
}

// TestGnuPGTakesMinimal has the real gpg import minimal certificates of its own keys and encrypt to them.
func TestGnuPGTakesMinimal(t *testing.T) {
	for _, algorithm := range []string{"ed25519", "rsa2048", "nistp256"} {
		t.Run(algorithm, func(t *testing.T) {
			owner := newGnuPG(t)
			usage := "cv25519"
			if algorithm != "ed25519" {
				usage = algorithm
			}
			owner.run(nil, "--passphrase", "", "--quick-generate-key", "Greta <greta@example.org>", algorithm, "cert,sign", "never")
			fingerprint := secretOf(t, owner.exported("--export-secret-keys")).Fingerprint()
			owner.run(nil, "--passphrase", "", "--quick-add-key", fingerprint, usage, "encr", "never")
			owner.run(nil, "--passphrase", "", "--quick-add-key", fingerprint, "ed25519", "sign", "never")
			owner.run(nil, "--quick-add-uid", fingerprint, "Greta at home <home@example.org>")
			c := parsedCert(t, owner.exported("--export"))
			m, err := c.Minimal(address(t, "greta@example.org"), now)
			if err != nil {
				t.Fatal(err)
			}
			if got := tags(t, m.Bytes()); !slices.Equal(got, []byte{6, 13, 2, 14, 2}) {
				t.Errorf("packets %d", got)
			}
			friend := newGnuPG(t)
			friend.importCert(m)
			if got := friend.listed(now); len(got) != 2 {
				t.Errorf("gpg lists %q", got)
			}
			message, _ := friend.run([]byte("secret"), "--trust-model", "always", "--recipient", "greta@example.org", "--encrypt")
			if text, _ := owner.run(message, "--decrypt"); string(text) != "secret" {
				t.Errorf("decrypted %q", text)
			}
			inspectBySequoia(t, m)
		})
	}
}

// inspectBySequoia has sq say what a certificate holds, where sq is installed.
func inspectBySequoia(t *testing.T, c *crypto.Cert) {
	t.Helper()
	sq, err := exec.LookPath("sq")
	if err != nil {
		return
	}
	cmd := exec.Command(sq, "inspect")
	cmd.Stdin = bytes.NewReader(c.Bytes())
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), "UserID:") != 1 || strings.Count(string(out), "Subkey:") != 1 ||
		strings.Contains(string(out), "Invalid") || strings.Contains(string(out), "Bad ") {
		t.Errorf("sq: %v\n%s", err, out)
	}
}
