package crypto_test

import (
	"bytes"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"sealmilter/crypto"
)

// TestAbsorb brings the signatures of an extended certificate to a locked copy of the key.
func TestAbsorb(t *testing.T) {
	made := now.Add(-10 * day)
	e := newEntity(t, at(made, func(c *packet.Config) { c.KeyLifetimeSecs = 11 * 86400 }))
	addSubkey(t, made, 11)(e)
	old := secretKey(t, e)
	locked, err := old.Lock([]byte("correct horse"), random())
	if err != nil {
		t.Fatal(err)
	}
	extended := extend(t, old, nextYear, now)
	absorbed, err := locked.Absorb(extended.Cert())
	if err != nil {
		t.Fatal(err)
	}
	wantExpiry(t, absorbed.Cert(), now, nextYear)
	if !bytes.Equal(absorbed.Cert().Bytes(), extended.Cert().Bytes()) || !absorbed.Locked() {
		t.Error("the certificates differ, or the lock is gone")
	}
	unlocked, err := absorbed.Unlock([]byte("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unlocked.Signer(nextYear); err != nil {
		t.Error(err)
	}
	for _, c := range []*crypto.Cert{extended.Cert(), old.Cert()} {
		if again, err := absorbed.Absorb(c); err != nil || again != absorbed {
			t.Errorf("what is there already is taken again, %v", err)
		}
	}
	mallory := newEntity(t, at(made))
	if err := e.SignIdentity("Test <test@example.org>", mallory, at(now)); err != nil {
		t.Fatal(err)
	}
	if same, err := absorbed.Absorb(cert(t, e)); err != nil || same != absorbed {
		t.Errorf("what a stranger has signed is taken, %v", err)
	}
	if err := e.Revoke(packet.KeyCompromised, "", at(made.Add(day))); err != nil {
		t.Fatal(err)
	}
	revoked, err := absorbed.Absorb(cert(t, e))
	if err != nil {
		t.Fatal(err)
	}
	wantReason(t, revoked.Cert().Check(now), crypto.Revoked, "its certificate is revoked")
	if _, err := locked.Absorb(generate(t, "mallory@example.org").Cert()); err == nil {
		t.Error("the certificate of another key is taken")
	}
}
