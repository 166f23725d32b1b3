package crypto_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"sealmilter/crypto"
)

// TestMergeSecretKey brings the signatures of an extended certificate to a locked copy of the key.
func TestMergeSecretKey(t *testing.T) {
	made := now.Add(-10 * day)
	e := newEntity(t, at(made, func(c *packet.Config) { c.KeyLifetimeSecs = 11 * 86400 }))
	addSubkey(t, made, 11)(e)
	old := secretKey(t, e)
	locked, err := old.Lock([]byte("correct horse"), random())
	if err != nil {
		t.Fatal(err)
	}
	extended := extend(t, old, nextYear, now)
	merged, err := locked.Merge(extended.Cert().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	wantExpiry(t, merged.Cert(), now, nextYear)
	if !bytes.Equal(merged.Cert().Bytes(), extended.Cert().Bytes()) || !merged.Locked() {
		t.Error("the certificates differ, or the lock is gone")
	}
	unlocked, err := merged.Unlock([]byte("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unlocked.Signer(nextYear); err != nil {
		t.Error(err)
	}
	for _, c := range []*crypto.Cert{extended.Cert(), old.Cert()} {
		if again, err := merged.Merge(c.Bytes()); err != nil || again != merged {
			t.Errorf("what is there already is taken again, %v", err)
		}
	}
	mallory := newEntity(t, at(made))
	if err := e.SignIdentity("Test <test@example.org>", mallory, at(now)); err != nil {
		t.Fatal(err)
	}
	if same, err := merged.Merge(cert(t, e).Bytes()); err != nil || same != merged {
		t.Errorf("what a stranger has signed is taken, %v", err)
	}
	addUserID(t, e, "second@example.org")
	if err := e.AddEncryptionSubkey(alike(e, now.Add(-day))); err != nil {
		t.Fatal(err)
	}
	if same, err := merged.Merge(cert(t, e).Bytes()); err != nil || same != merged {
		t.Errorf("a User ID or a subkey is taken that the key does not have, %v", err)
	}
	if err := e.Revoke(packet.KeyCompromised, "", at(made.Add(day))); err != nil {
		t.Fatal(err)
	}
	revoked, err := merged.Merge(cert(t, e).Bytes())
	if err != nil {
		t.Fatal(err)
	}
	wantReason(t, revoked.Cert().Check(now), crypto.Revoked, "its certificate is revoked")
	if _, err := locked.Merge(generate(t, "mallory@example.org").Cert().Bytes()); err == nil {
		t.Error("the certificate of another key is taken")
	}
}

// TestMergeSecretKeyKeepsSecrets has a subkey twice, once without its secret.
func TestMergeSecretKeyKeepsSecrets(t *testing.T) {
	e := newEntity(t, at(now.Add(-10*day)))
	all := parts(t, secretBytes(t, e))
	subkey := packets(t, all[2])
	public := packets(t, parts(t, certBytes(t, e))[2])[0].Contents
	withoutSecret := slices.Concat(rawPacket(7, slices.Concat(public, []byte("\xff\x00\x65\x00GNU\x01"))), rawPacket(2, subkey[1].Contents))
	revokeEntity(t, e, packet.NoReason, now)
	for name, b := range map[string][]byte{
		"first": slices.Concat(all[0], all[1], all[2], withoutSecret),
		"last":  slices.Concat(all[0], all[1], withoutSecret, all[2]),
	} {
		k, err := crypto.ParseSecretKey(b)
		if err != nil {
			t.Fatal(name, err)
		}
		merged, err := k.Merge(certBytes(t, e))
		if err != nil {
			t.Fatal(name, err)
		}
		wantReason(t, merged.Cert().Check(now), crypto.Revoked, "its certificate is revoked")
		b, err := merged.Bytes()
		if err != nil || !bytes.Contains(b, subkey[0].Contents) {
			t.Errorf("%s: the secret of the subkey is lost, %v", name, err)
		}
	}
}
