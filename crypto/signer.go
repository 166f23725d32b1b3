package crypto

import (
	"fmt"
	"io"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Signer is an unlocked secret key ready to sign. It is immutable and safe for concurrent use.
type Signer struct {
	cert *Cert
	key  *packet.PrivateKey
}

// Signer returns the newest valid signing subkey whose secret is here, or else the primary key. It fails with
// [ErrLocked] or an [*Unusable].
func (k *SecretKey) Signer(at time.Time) (*Signer, error) {
	if err := k.cert.checkPrimary(at); err != nil {
		return nil, err
	}
	if k.Locked() {
		return nil, ErrLocked
	}
	keys, err := k.privateKeys()
	if err != nil {
		return nil, err
	}
	var best *packet.PrivateKey
	var newest time.Time
	why := k.cert.whyNoSubkey(at, signs)
	for i, part := range k.secrets {
		bound, err := k.cert.signingKey(part.keyID, at)
		switch {
		case err != nil:
		case keys[i] == nil:
			why = part.state.absence()
		case best == nil, keys[i].IsSubkey && (!best.IsSubkey || bound.After(newest)):
			best, newest = keys[i], bound
		}
	}
	if best == nil {
		return nil, why
	}
	return &Signer{cert: k.cert, key: best}, nil
}

// absence is what an unlocked key without this secret says.
func (s secretState) absence() *Unusable {
	if s == onCard {
		return &Unusable{NoSecret, "its signing key is on a smart card"}
	}
	return &Unusable{NoSecret, "the secret of its signing key was left out of the export"}
}

// signingKey returns when the key was bound if it may sign at that time.
func (c *Cert) signingKey(id uint64, at time.Time) (bound time.Time, err error) {
	if err := c.checkPrimary(at); err != nil {
		return bound, err
	}
	key, ok := c.entity.SigningKeyById(at, id, policy())
	if !ok {
		return bound, c.whyNoSubkey(at, signs)
	}
	if why := weakness(key.PublicKey); why != "" {
		return bound, &Unusable{Weak, why}
	}
	return key.SelfSignature.CreationTime, nil
}

// Format implements [fmt.Formatter], so that no verb shows the secret.
func (s *Signer) Format(f fmt.State, _ rune) { io.WriteString(f, "signer "+s.cert.Fingerprint()) }

// Cert returns the certificate that verifies the signatures.
func (s *Signer) Cert() *Cert { return s.cert }

// Check returns nil if the key may sign at that time, and an [*Unusable] otherwise.
func (s *Signer) Check(at time.Time) error {
	_, err := s.cert.signingKey(s.key.KeyId, at)
	return err
}
