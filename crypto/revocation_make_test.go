package crypto_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"sealmilter/crypto"
)

func TestRevocationCertificate(t *testing.T) {
	for _, cfg := range []*packet.Config{at(now.Add(-day)), v6(now.Add(-day))} {
		k := secretKey(t, newEntity(t, cfg))
		text, err := k.RevocationCertificate(now, random())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(text, []byte(k.Fingerprint())) || !bytes.Contains(text, []byte("test@example.org")) {
			t.Errorf("the text does not name the key:\n%s", text)
		}
		if _, err := crypto.ReadKeyring(bytes.NewReader(text)); !errors.Is(err, crypto.ErrNoKeys) {
			t.Errorf("it is read by accident: %v", err)
		}
		ring, err := crypto.ReadKeyring(strings.NewReader(strings.Replace(string(text), "\n:-----", "\n-----", 1)))
		if err != nil || len(ring.Certs) != 1 || len(ring.Skipped) != 0 {
			t.Fatalf("%+v, %v", ring, err)
		}
		revoked := ring.Certs[0]
		if revoked.Fingerprint() != k.Fingerprint() {
			t.Errorf("it revokes %s", revoked.Fingerprint())
		}
		for _, when := range []int{-1, 0, 400} {
			wantReason(t, revoked.Check(now.AddDate(0, 0, when)), crypto.Revoked, "its certificate is revoked")
		}
		if err := k.Cert().Check(now); err != nil {
			t.Errorf("the key itself: %v", err)
		}
	}
}

func TestRevocationCertificateRefuses(t *testing.T) {
	locked, err := generate(t, "a@example.org").Lock([]byte("correct horse"), random())
	if err != nil {
		t.Fatal(err)
	}
	if text, err := locked.RevocationCertificate(now, random()); !errors.Is(err, crypto.ErrLocked) || text != nil {
		t.Errorf("%v", err)
	}
}
