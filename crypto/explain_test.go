package crypto_test

import (
	stdcrypto "crypto"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealmilter/crypto"
)

func explained(c *crypto.Cert, when time.Time) []string {
	var lines []string
	for _, k := range c.Explain(when) {
		lines = append(lines, k.String())
	}
	return lines
}

// TestExplain has a subkey for each fate that one can have.
func TestExplain(t *testing.T) {
	made := now.Add(-10 * day)
	e := newEntity(t, at(made))
	rebind := func(change func(sig *packet.Signature)) func(sub *openpgp.Subkey) {
		return func(sub *openpgp.Subkey) {
			sig := sub.Bindings[0].Packet
			change(sig)
			if err := sig.SignKey(sub.PublicKey, e.PrivateKey, at(sig.CreationTime, unsalted)); err != nil {
				t.Fatal(err)
			}
		}
	}
	revoked := func(reason packet.ReasonForRevocation) func(sub *openpgp.Subkey) {
		return func(sub *openpgp.Subkey) {
			if err := sub.Revoke(reason, "", at(now.Add(-day))); err != nil {
				t.Fatal(err)
			}
		}
	}
	seconds := func(n uint32) *uint32 { return &n }
	want := []string{
		"primary key ed25519 (certify, sign): used",
		"subkey cv25519 (encrypt): used",
	}
	for i, tc := range []struct {
		spoil func(sub *openpgp.Subkey)
		want  string
	}{
		{revoked(packet.KeyCompromised), "subkey cv25519 (encrypt): not used, its owner revoked it on 2026-01-01 as compromised"},
		{revoked(packet.KeySuperseded), "subkey cv25519 (encrypt): not used, its owner revoked it on 2026-01-01 as superseded"},
		{revoked(packet.KeyRetired), "subkey cv25519 (encrypt): not used, its owner revoked it on 2026-01-01 as no longer used"},
		{revoked(packet.NoReason), "subkey cv25519 (encrypt): not used, its owner revoked it on 2026-01-01 for no given reason"},
		{revoked(packet.Unknown), "subkey cv25519 (encrypt): not used, its owner revoked it on 2026-01-01 for an unknown reason"},
		{rebind(func(s *packet.Signature) { s.KeyLifetimeSecs = seconds(86400) }), "subkey cv25519 (encrypt): not used, it expired on 2025-12-24"},
		{rebind(func(s *packet.Signature) { s.SigLifetimeSecs = seconds(86400) }), "subkey cv25519 (encrypt): not used, the signature that binds it has expired"},
		{rebind(func(s *packet.Signature) { s.CreationTime = now.Add(day) }), "subkey cv25519 (encrypt): not used, it is valid only from 2026-01-03"},
		{rebind(func(s *packet.Signature) { s.Hash = stdcrypto.SHA1 }), "subkey cv25519: not used, it is bound by SHA-1 after 2023-02-01"},
		{rebind(func(s *packet.Signature) {
			s.FlagEncryptCommunications, s.FlagEncryptStorage, s.FlagAuthenticate = false, false, true
		}), "subkey cv25519 (authenticate): not used, its owner lets it neither encrypt nor sign"},
		{func(sub *openpgp.Subkey) { sub.Bindings = newEntity(t, at(made)).Subkeys[0].Bindings },
			"subkey cv25519: not used, it is not bound to the primary key by a valid signature"},
	} {
		if err := e.AddEncryptionSubkey(at(made.Add(time.Duration(i) * time.Second))); err != nil {
			t.Fatal(err)
		}
		tc.spoil(&e.Subkeys[len(e.Subkeys)-1])
		want = append(want, tc.want)
	}
	if err := e.AddEncryptionSubkey(at(made, with(packet.PubKeyAlgoRSA), func(c *packet.Config) { c.RSABits = 1024 })); err != nil {
		t.Fatal(err)
	}
	if err := e.AddEncryptionSubkey(at(made, with(packet.PubKeyAlgoMlkem768X25519))); err != nil {
		t.Fatal(err)
	}
	if err := e.AddSigningSubkey(at(made)); err != nil {
		t.Fatal(err)
	}
	want = append(want,
		"subkey rsa1024 (encrypt): not used, its RSA key of 1024 bits is too short",
		"subkey mlkem768x25519 (encrypt): used",
		"subkey ed25519 (sign): used",
		"subkey algorithm99: not used, its kind is not known here")
	c := parsedCert(t, slices.Concat(certBytes(t, e), unknownSubkey(t, e)))
	if got := explained(c, now); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	// What is said to be used for encryption is what is encrypted to.
	copies, err := sealer().Encrypt(nil, nil, []*crypto.Cert{c}, crypto.EncryptOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := crypto.InspectMessage(dearmored(t, armored(t, copies[0])))
	if err != nil {
		t.Fatal(err)
	}
	used := 0
	for _, k := range c.Explain(now) {
		if k.Used && slices.Contains(k.Roles, "encrypt") {
			used++
		}
	}
	if used != len(m.KeyIDs) {
		t.Errorf("%d keys are said to be used, %d are", used, len(m.KeyIDs))
	}
}

func TestExplainOldKeys(t *testing.T) {
	for file, want := range map[string][]string{
		"testdata/elgamal.asc": {
			"primary key rsa3072 (certify, sign): used",
			"subkey elg2048 (encrypt): not used, its Elgamal key is obsolete",
		},
		"testdata/dsa.asc": {
			"primary key dsa2048 (certify, sign, authenticate): not used, its DSA key is obsolete",
			"subkey elg2048 (encrypt): not used, its Elgamal key is obsolete",
		},
	} {
		if got := explained(readArmoredCert(t, file), now); !slices.Equal(got, want) {
			t.Errorf("%s:\n%s", file, strings.Join(got, "\n"))
		}
	}
	e := newEntity(t, at(now.Add(-10*day), func(c *packet.Config) { c.KeyLifetimeSecs = 86400 }))
	e.Subkeys[0].Bindings[0].Packet.KeyLifetimeSecs = nil
	if err := e.Subkeys[0].Bindings[0].Packet.SignKey(e.Subkeys[0].PublicKey, e.PrivateKey, at(now.Add(-10*day))); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"primary key ed25519 (certify, sign): not used, its certificate expired on 2025-12-24",
		"subkey cv25519 (encrypt): not used, its primary key cannot be used",
	}
	if got := explained(cert(t, e), now); !slices.Equal(got, want) {
		t.Errorf("expired:\n%s", strings.Join(got, "\n"))
	}
}

// TestRevocationsInTime asks before and after the date of a revocation: a soft one counts from then on, a hard one at
// any time.
func TestRevocationsInTime(t *testing.T) {
	made, when := now.Add(-10*day), now.Add(-5*day)
	reason := func(r packet.ReasonForRevocation) *packet.ReasonForRevocation { return &r }
	for _, tc := range []struct {
		name   string
		reason *packet.ReasonForRevocation
		hard   bool
		text   string
	}{
		{"superseded", reason(packet.KeySuperseded), false, "as superseded"},
		{"retired", reason(packet.KeyRetired), false, "as no longer used"},
		{"compromised", reason(packet.KeyCompromised), true, "as compromised"},
		{"no reason", reason(packet.NoReason), true, "for no given reason"},
		{"unknown", reason(packet.ReasonForRevocation(105)), true, "for an unknown reason"},
		{"none", nil, true, "for no given reason"},
	} {
		key := newEntity(t, at(made))
		revokeEntity(t, key, packet.KeyCompromised, when)
		sig := key.Revocations[0].Packet
		sig.RevocationReason = tc.reason
		if err := sig.RevokeKey(key.PrimaryKey, key.PrivateKey, at(when)); err != nil {
			t.Fatal(err)
		}
		sub := newEntity(t, at(made))
		if err := sub.Subkeys[0].Revoke(packet.KeyCompromised, "", at(when)); err != nil {
			t.Fatal(err)
		}
		sig = sub.Subkeys[0].Revocations[0].Packet
		sig.RevocationReason = tc.reason
		if err := sig.RevokeSubkey(sub.Subkeys[0].PublicKey, sub.PrivateKey, at(when)); err != nil {
			t.Fatal(err)
		}
		whole, part := cert(t, key), cert(t, sub)
		text := ": not used, its owner revoked it on 2025-12-28 " + tc.text
		for _, moment := range []struct {
			at   time.Time
			want bool
		}{{when.Add(-time.Second), tc.hard}, {when, true}, {now, true}} {
			if got := whole.Revoked(moment.at); got != moment.want {
				t.Errorf("%s: the certificate is revoked at %v: %v", tc.name, moment.at, got)
			}
			if err := part.Check(moment.at); (err != nil) != moment.want || part.Revoked(moment.at) {
				t.Errorf("%s: the subkey at %v: %v", tc.name, moment.at, err)
			}
			if got := strings.HasSuffix(explained(whole, moment.at)[0], text); got != moment.want {
				t.Errorf("%s at %v: %s", tc.name, moment.at, explained(whole, moment.at))
			}
			if got := strings.HasSuffix(explained(part, moment.at)[1], text); got != moment.want {
				t.Errorf("%s at %v: %s", tc.name, moment.at, explained(part, moment.at))
			}
		}
	}
}

// TestRevivedSubkey binds a subkey again after a revocation: a soft one is taken back by that, a hard one is not.
func TestRevivedSubkey(t *testing.T) {
	for reason, used := range map[packet.ReasonForRevocation]bool{packet.KeyRetired: true, packet.KeyCompromised: false} {
		e := newEntity(t, at(now.Add(-10*day)))
		if err := e.Subkeys[0].Revoke(reason, "", at(now.Add(-5*day))); err != nil {
			t.Fatal(err)
		}
		sig := *e.Subkeys[0].Bindings[0].Packet
		sig.CreationTime = now.Add(-4 * day)
		if err := sig.SignKey(e.Subkeys[0].PublicKey, e.PrivateKey, at(now)); err != nil {
			t.Fatal(err)
		}
		e.Subkeys[0].Bindings = append(e.Subkeys[0].Bindings, packet.NewVerifiableSig(&sig))
		c := cert(t, e)
		if got := c.Explain(now)[1].Used; got != used || (c.Check(now) == nil) != used {
			t.Errorf("reason %d: used %v, %v", reason, got, c.Check(now))
		}
	}
}
