package crypto_test

import (
	"bytes"
	stdcrypto "crypto"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealmilter/crypto"
)

// nextYear is a time far enough that no key of these tests lasts until then by itself.
var nextYear = now.Add(365 * day)

func extend(t testing.TB, k *crypto.SecretKey, until, at time.Time) *crypto.SecretKey {
	t.Helper()
	extended, err := k.Extend(until, crypto.ExtendOptions{Now: at, Rand: random()})
	if err != nil {
		t.Fatal(err)
	}
	return extended
}

func wantExpiry(t testing.TB, c *crypto.Cert, at, want time.Time) {
	t.Helper()
	if end, expires := c.Expires(at); !expires || !end.Equal(want) {
		t.Errorf("expires %t on %v, want %v", expires, end, want)
	}
}

// TestExtend extends keys of all kinds, and asks the library what it makes of them.
func TestExtend(t *testing.T) {
	made := now.Add(-10 * day)
	expiring := func(c *packet.Config) { c.KeyLifetimeSecs = 11 * 86400 }
	for _, tc := range []struct {
		name string
		cfg  *packet.Config
		edit func(*openpgp.Entity)
		at   time.Time
	}{
		{"Ed25519", at(made, expiring), nil, now},
		{"version 6", v6expiring(made, 11*86400), nil, now},
		{"RSA", at(made, expiring, func(c *packet.Config) { c.Algorithm, c.RSABits = packet.PubKeyAlgoRSA, 2048 }), nil, now},
		{"ECDSA", at(made, expiring, func(c *packet.Config) { c.Algorithm, c.Curve = packet.PubKeyAlgoECDSA, packet.CurveNistP384 }), nil, now},
		{"expired yesterday", at(made, expiring), nil, now.Add(2 * day)},
		{"a signing subkey", at(made, expiring), addSubkey(t, made, 11), now},
		{"a signing subkey, expired", at(made, expiring), addSubkey(t, made, 11), now.Add(2 * day)},
		{"a signing subkey of version 6", v6expiring(made, 11*86400), func(e *openpgp.Entity) {
			cfg := v6expiring(made, 11*86400)
			if err := e.AddSigningSubkey(cfg); err != nil {
				t.Fatal(err)
			}
		}, now},
		{"a subkey of its own expiry", at(made), func(e *openpgp.Entity) {
			e.Subkeys = nil
			if err := e.AddEncryptionSubkey(at(made, expiring)); err != nil {
				t.Fatal(err)
			}
		}, now},
		{"SHA-1", at(time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC), unsalted), func(e *openpgp.Entity) {
			for _, id := range e.Identities {
				lifetime := uint32(now.Add(day).Unix() - e.PrimaryKey.CreationTime.Unix())
				id.SelfCertifications[0].Packet.KeyLifetimeSecs = &lifetime
			}
			resign(t, e, stdcrypto.SHA1, time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC))
		}, now},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := newEntity(t, tc.cfg)
			if tc.edit != nil {
				tc.edit(e)
			}
			old := secretKey(t, e)
			k := extend(t, old, nextYear, tc.at)
			wantExpiry(t, k.Cert(), tc.at, nextYear)
			for _, when := range []time.Time{tc.at, nextYear} {
				if _, err := k.Signer(when); err != nil {
					t.Errorf("signing on %v: %v", when, err)
				}
				if err := k.Cert().Check(when); err != nil {
					t.Errorf("encrypting on %v: %v", when, err)
				}
			}
			if k.Cert().Check(nextYear.Add(time.Second)) == nil {
				t.Error("it does not expire")
			}
			if err := k.Cert().Check(now.Add(-day)); err != nil {
				t.Errorf("what was signed before cannot be judged: %v", err)
			}
			wantSameClaims(t, entity(t, old), entity(t, k))
			wantBoundAnew(t, entity(t, k))
			if again := extend(t, k, nextYear, tc.at.Add(time.Hour)); again != k {
				t.Error("a key that lasts is signed again")
			}
		})
	}
}

// wantBoundAnew asks that every subkey with an expiry has a new binding, and its own new signature in it if it signs.
func wantBoundAnew(t testing.TB, e *openpgp.Entity) {
	t.Helper()
	for i, sub := range e.Subkeys {
		if lifetime := sub.Bindings[0].Packet.KeyLifetimeSecs; lifetime == nil || *lifetime == 0 {
			continue
		}
		if len(sub.Bindings) != 2 {
			t.Errorf("subkey %d has %d bindings", i, len(sub.Bindings))
			continue
		}
		old, renewed := sub.Bindings[0].Packet, sub.Bindings[1].Packet
		if !renewed.CreationTime.After(old.CreationTime) || e.PrimaryKey.VerifyKeySignature(sub.PublicKey, renewed) != nil {
			t.Errorf("subkey %d: made on %v", i, renewed.CreationTime)
		}
		if back := renewed.EmbeddedSignature; old.FlagSign && (back == nil || !back.CreationTime.Equal(renewed.CreationTime)) {
			t.Errorf("subkey %d: its own signature is %+v", i, back)
		}
	}
}

func v6expiring(made time.Time, seconds uint32) *packet.Config {
	cfg := v6(made)
	cfg.KeyLifetimeSecs = seconds
	return cfg
}

// addSubkey adds a signing subkey that lives for some days.
func addSubkey(t testing.TB, made time.Time, days uint32) func(*openpgp.Entity) {
	return func(e *openpgp.Entity) {
		if err := e.AddSigningSubkey(at(made, func(c *packet.Config) { c.KeyLifetimeSecs = days * 86400 })); err != nil {
			t.Fatal(err)
		}
	}
}

// wantSameClaims compares the newest self-signatures of two states of a key, but for their dates.
func wantSameClaims(t testing.TB, old, extended *openpgp.Entity) {
	t.Helper()
	same := func(what string, a, b *packet.Signature) {
		t.Helper()
		if a.FlagSign != b.FlagSign || a.FlagCertify != b.FlagCertify || a.FlagEncryptCommunications != b.FlagEncryptCommunications ||
			a.FlagEncryptStorage != b.FlagEncryptStorage || a.SEIPDv1 != b.SEIPDv1 || a.SEIPDv2 != b.SEIPDv2 ||
			!bytes.Equal(a.PreferredSymmetric, b.PreferredSymmetric) || !bytes.Equal(a.PreferredHash, b.PreferredHash) ||
			!bytes.Equal(a.PreferredCompression, b.PreferredCompression) || !slices.Equal(a.PreferredCipherSuites, b.PreferredCipherSuites) ||
			len(a.Notations) != len(b.Notations) || a.PolicyURI != b.PolicyURI || a.SigType != b.SigType {
			t.Errorf("%s claims another thing: %+v, then %+v", what, a, b)
		}
	}
	newest := func(sigs []*packet.VerifiableSignature) *packet.Signature {
		return slices.MaxFunc(sigs, func(a, b *packet.VerifiableSignature) int {
			return a.Packet.CreationTime.Compare(b.Packet.CreationTime)
		}).Packet
	}
	for name, id := range old.Identities {
		same(name, newest(id.SelfCertifications), newest(extended.Identities[name].SelfCertifications))
	}
	if len(old.DirectSignatures) > 0 {
		same("the direct signature", newest(old.DirectSignatures), newest(extended.DirectSignatures))
	}
	for i := range old.Subkeys {
		same("a subkey "+strconv.Itoa(i), newest(old.Subkeys[i].Bindings), newest(extended.Subkeys[i].Bindings))
	}
}

// TestExtendKeepsWhatItDoesNotKnow has a self-signature with a subpacket of a private type, and one with an end.
func TestExtendKeepsWhatItDoesNotKnow(t *testing.T) {
	made := now.Add(-10 * day)
	e := newEntity(t, at(made, func(c *packet.Config) { c.KeyLifetimeSecs = 11 * 86400 }))
	for name, id := range e.Identities {
		sig := id.SelfCertifications[0].Packet
		lifetime := uint32(20 * 86400)
		sig.SigLifetimeSecs, sig.PolicyURI = &lifetime, "https://example.org/policy"
		sig.Notations = append(sig.Notations, &packet.Notation{Name: "proof@example.org", Value: []byte("of identity"), IsHumanReadable: true})
		if err := sig.SignUserId(name, e.PrimaryKey, e.PrivateKey, at(made)); err != nil {
			t.Fatal(err)
		}
	}
	k := extend(t, secretKey(t, e), nextYear, now)
	got := entity(t, k)
	wantSameClaims(t, entity(t, secretKey(t, e)), got)
	if err := k.Cert().Check(nextYear); err != nil {
		t.Errorf("the self-signature ends: %v", err)
	}
	for _, id := range got.Identities {
		if n := len(id.SelfCertifications); n != 2 {
			t.Errorf("%d self-signatures", n)
		}
		notations := map[string][]byte{}
		for _, sig := range id.SelfCertifications {
			for _, n := range sig.Packet.Notations {
				if n.Name == packet.SaltNotationName && bytes.Equal(notations[n.Name], n.Value) {
					t.Error("two signatures have the same salt")
				}
				notations[n.Name] = n.Value
			}
		}
		if string(notations["proof@example.org"]) != "of identity" {
			t.Errorf("notations %q", notations)
		}
	}
}

// TestExtendLeaves has subkeys that must stay as they are.
func TestExtendLeaves(t *testing.T) {
	made := now.Add(-10 * day)
	for _, tc := range []struct {
		name string
		edit func(*openpgp.Entity)
	}{
		{"revoked", func(e *openpgp.Entity) {
			addSubkey(t, made, 11)(e)
			if err := e.Subkeys[1].Revoke(packet.KeySuperseded, "", at(made.Add(day))); err != nil {
				t.Fatal(err)
			}
		}},
		{"weak", func(e *openpgp.Entity) {
			err := e.AddSigningSubkey(at(made, func(c *packet.Config) {
				c.Algorithm, c.RSABits, c.KeyLifetimeSecs = packet.PubKeyAlgoRSA, 1024, 11*86400
			}))
			if err != nil {
				t.Fatal(err)
			}
		}},
		{"expired before", addSubkey(t, made, 5)},
		{"never expires", addSubkey(t, made, 0)},
	} {
		e := newEntity(t, at(made, func(c *packet.Config) { c.KeyLifetimeSecs = 11 * 86400 }))
		tc.edit(e)
		k := extend(t, secretKey(t, e), nextYear, now)
		wantExpiry(t, k.Cert(), now, nextYear)
		if n := len(entity(t, k).Subkeys[1].Bindings); n != 1 {
			t.Errorf("%s: %d bindings", tc.name, n)
		}
	}
}

// TestSecretKeyExpires has keys whose parts end at different times.
func TestSecretKeyExpires(t *testing.T) {
	made := now.Add(-10 * day)
	both := func(days ...uint32) func(*openpgp.Entity) {
		return func(e *openpgp.Entity) {
			certifyOnly(t, made)(e)
			for _, d := range days {
				addSubkey(t, made, d)(e)
			}
		}
	}
	forever, thirty := at(made), at(made, func(c *packet.Config) { c.KeyLifetimeSecs = 30 * 86400 })
	for _, tc := range []struct {
		name string
		cfg  *packet.Config
		edit func(*openpgp.Entity)
		days int // 0 for never
	}{
		{"never", forever, func(*openpgp.Entity) {}, 0},
		{"the primary key", thirty, func(*openpgp.Entity) {}, 30},
		{"the only signing subkey", forever, both(20), 20},
		{"one of two signing subkeys", thirty, both(5, 20), 20},
		{"a signing subkey beside a primary key that signs", thirty, addSubkey(t, made, 5), 30},
		{"a signing subkey that outlives the primary key", thirty, both(40), 30},
		{"a signing subkey that never ends", thirty, both(5, 0), 30},
		{"a signing subkey that has ended", thirty, both(5), 5},
	} {
		e := newEntity(t, tc.cfg)
		tc.edit(e)
		end, expires := secretKey(t, e).Expires(now)
		if expires != (tc.days != 0) || expires && !end.Equal(made.Add(time.Duration(tc.days)*day)) {
			t.Errorf("%s: %t, %v", tc.name, expires, end)
		}
	}
}

func TestExtendRefuses(t *testing.T) {
	made := now.Add(-10 * day)
	expiring := at(made, func(c *packet.Config) { c.KeyLifetimeSecs = 11 * 86400 })
	e := newEntity(t, expiring)
	good := secretKey(t, e)
	locked, err := good.Lock([]byte("correct horse"), random())
	if err != nil {
		t.Fatal(err)
	}
	revoked := newEntity(t, expiring)
	if err := revoked.Revoke(packet.KeyRetired, "", at(made)); err != nil {
		t.Fatal(err)
	}
	stub := func(mode byte) *crypto.SecretKey {
		public := packets(t, certBytes(t, e))[0].Contents
		all := rawPacket(5, append(bytes.Clone(public), 254, 9, 101, 0, 'G', 'N', 'U', mode))
		for _, p := range packets(t, secretBytes(t, e))[1:] {
			all = append(all, rawPacket(byte(p.Tag), p.Contents)...)
		}
		k, err := crypto.ParseSecretKey(all)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	for _, tc := range []struct {
		name  string
		key   *crypto.SecretKey
		until time.Time
		want  string
	}{
		{"locked", locked, nextYear, "the secret key is locked with a passphrase"},
		{"revoked", secretKey(t, revoked), nextYear, "its certificate is revoked"},
		{"left out", stub(1), nextYear, "the secret of its primary key was left out of the export"},
		{"on a card", stub(2), nextYear, "the secret of its primary key is on a smart card"},
		{"the past", good, now, "has passed"},
		{"too far", good, now.Add(150 * 365 * day), "cannot live until"},
	} {
		k, err := tc.key.Extend(tc.until, crypto.ExtendOptions{Now: now, Rand: random()})
		if err == nil || k != nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
	if _, err := locked.Extend(nextYear, crypto.ExtendOptions{Now: now, Rand: random()}); !errors.Is(err, crypto.ErrLocked) {
		t.Errorf("a locked key: %v", err)
	}
}

// TestExtendInTheSameSecond holds to what is documented: the new signature counts from the next second on.
func TestExtendInTheSameSecond(t *testing.T) {
	k := secretKey(t, newEntity(t, at(now, func(c *packet.Config) { c.KeyLifetimeSecs = 86400 })))
	once := extend(t, k, now.Add(2*day), now)
	twice := extend(t, once, nextYear, now)
	wantExpiry(t, twice.Cert(), now, now.Add(day))
	wantExpiry(t, twice.Cert(), now.Add(time.Second), now.Add(2*day))
	wantExpiry(t, twice.Cert(), now.Add(2*time.Second), nextYear)
}
