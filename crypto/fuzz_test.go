package crypto_test

import (
	"bytes"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"sealmilter/crypto"
)

// FuzzReadKeyring reads anything. What it takes for a key must come back the same and answer all questions.
func FuzzReadKeyring(f *testing.F) {
	k := generate(f, "a@example.org")
	secret, err := k.Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(k.Cert().Bytes())
	f.Add(secret)
	f.Add(armoredCert(f, k.Cert()))
	f.Add(bareRevocation(f, k, packet.KeyCompromised))
	f.Add(certBytes(f, newEntity(f, v6(now.Add(-day)))))
	f.Add(readArmoredCert(f, "testdata/dsa.asc").Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		ring, err := crypto.ReadKeyring(bytes.NewReader(b))
		if err == nil && len(ring.Certs)+len(ring.Secrets)+len(ring.Revocations)+len(ring.Skipped) == 0 {
			t.Error("neither a key nor an error")
		}
		certs := ring.Certs
		for _, k := range ring.Secrets {
			certs = append(certs, k.Cert())
			raw, err := k.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := crypto.ParseSecretKey(raw); err != nil {
				t.Errorf("a secret key does not parse again: %v", err)
			}
			if s, err := k.Signer(now); err == nil {
				if _, err := sealer().Sign(crypto.Payload{crypto.Octets("x")}, s); err != nil {
					t.Error(err)
				}
			}
		}
		for _, r := range ring.Revocations {
			again, err := crypto.ReadKeyring(bytes.NewReader(r.Bytes()))
			if err != nil || len(again.Revocations) != 1 || !bytes.Equal(again.Revocations[0].Bytes(), r.Bytes()) {
				t.Errorf("a revocation does not come back: %v", err)
			}
			k.Cert().Merge(r.Bytes())
		}
		for _, c := range certs {
			again, err := crypto.ParseCert(c.Bytes())
			if err != nil {
				t.Fatalf("a certificate does not parse again: %v", err)
			}
			if !bytes.Equal(again.Bytes(), c.Bytes()) || again.Fingerprint() != c.Fingerprint() {
				t.Error("a certificate comes back as another")
			}
			c.Expires(now)
			c.Explain(now)
			c.Algorithm()
			c.Warnings()
			if c.Check(now) == nil {
				if _, err := sealer().Encrypt(crypto.Payload{crypto.Octets("x")}, nil, []*crypto.Cert{c}, crypto.EncryptOptions{}); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

// FuzzInspectMessage inspects anything. What passes must hold nothing that can be read: wherever text is put into
// it, it does not pass any more.
func FuzzInspectMessage(f *testing.F) {
	k := generate(f, "a@example.org")
	f.Add(encrypted(f, k.Cert(), 10))
	f.Add(encrypted(f, cert(f, newEntity(f, v6(now.Add(-day)))), 600))
	f.Add(armoredMessage(f, k.Cert()))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := crypto.InspectMessage(b)
		if err != nil {
			return
		}
		if len(m.KeyIDs) == 0 && !m.Anonymous {
			t.Error("a message to nobody passes")
		}
		m.For(k.Cert())
		if _, err := crypto.InspectMessage(append(bytes.Clone(b), "secret text"...)); err == nil {
			t.Error("text after a message passes")
		}
		if _, err := crypto.InspectMessage(append([]byte("secret text"), b...)); err == nil {
			t.Error("text before a message passes")
		}
	})
}
