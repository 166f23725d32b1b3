package crypto

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"slices"

	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/ProtonMail/go-crypto/openpgp/s2k"
)

// s2kCount is the octets hashed to turn a passphrase into a key, the most that OpenPGP can express.
const s2kCount = 65011712

// SecretKey is a transferable secret key (RFC 9580, section 10.2), locked with a passphrase or not. It is immutable
// and safe for concurrent use. Printed in whatever way, it shows its fingerprint only.
type SecretKey struct {
	cert    *Cert
	packets []rawPacket
	secrets []secretPart // one per secret key packet, in order
}

// ParseSecretKey parses one binary secret key as GnuPG and others export it. Parts without a secret, such as the
// primary key of an export of subkeys only and keys on a smart card, are kept as they are. Errors are an
// [*Unusable].
func ParseSecretKey(b []byte) (*SecretKey, error) {
	packets, err := parsePackets(b)
	if err != nil {
		return nil, err
	}
	return newSecretKey(packets)
}

func newSecretKey(packets []rawPacket) (*SecretKey, error) {
	if len(packets) == 0 || packets[0].tag != tagSecretKey {
		return nil, malformed("it does not begin with a secret key")
	}
	k := &SecretKey{packets: packets}
	public := slices.Clone(packets)
	for i, p := range packets {
		if p.tag != tagSecretKey && p.tag != tagSecretSubkey {
			continue
		}
		part, err := parseSecretPart(p)
		if err != nil {
			return nil, err
		}
		k.secrets = append(k.secrets, part)
		public[i] = part.public
	}
	var err error
	if k.cert, err = newCert(public); err != nil {
		return nil, err
	}
	return k, nil
}

// Cert returns the certificate that belongs to the key.
func (k *SecretKey) Cert() *Cert { return k.cert }

// Fingerprint returns the primary key's fingerprint in upper-case hexadecimal.
func (k *SecretKey) Fingerprint() string { return k.cert.Fingerprint() }

// Format implements [fmt.Formatter], so that no verb shows the secret.
func (k *SecretKey) Format(f fmt.State, _ rune) { io.WriteString(f, "secret key "+k.Fingerprint()) }

// Locked reports whether any secret in the key is locked with a passphrase.
func (k *SecretKey) Locked() bool {
	return slices.ContainsFunc(k.secrets, func(s secretPart) bool { return s.state == locked })
}

// Bytes returns the binary key, locked as far as k is locked.
func (k *SecretKey) Bytes() ([]byte, error) { return encodePackets(k.packets), nil }

// WriteArmored writes what [SecretKey.Bytes] returns in ASCII armor, with LF line ends.
func (k *SecretKey) WriteArmored(w io.Writer) error {
	_, err := keyArmor(armorSecret, k.cert).write(w, encodePackets(k.packets))
	return err
}

// Unlock returns an unlocked copy. The error wraps [ErrPassphrase] if the passphrase is not the one. A key derivation
// by Argon2 that takes more than 256 MiB of memory is refused.
func (k *SecretKey) Unlock(passphrase []byte) (*SecretKey, error) {
	if slices.ContainsFunc(k.secrets, func(s secretPart) bool { return s.costly }) {
		return nil, malformed("unlocking it takes more than 256 MiB of memory: lock it anew with weaker Argon2 parameters")
	}
	return k.convert(func(keys []*packet.PrivateKey) error {
		err := packet.DecryptPrivateKeys(keys, passphrase)
		var mismatch pgperrors.KeyInvalidError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &mismatch):
			return malformed("its secret and public parts do not belong together")
		}
		return ErrPassphrase
	})
}

// Lock returns a copy whose every secret is locked with the passphrase, in a form that GnuPG reads: AES-256 and a
// key from iterated and salted SHA-256 (RFC 9580, section 3.7.1.3). A locked key must be unlocked first
// ([ErrLocked]).
func (k *SecretKey) Lock(passphrase []byte, rand io.Reader) (*SecretKey, error) {
	if k.Locked() {
		return nil, ErrLocked
	}
	return k.convert(func(keys []*packet.PrivateKey) error {
		return packet.EncryptPrivateKeys(keys, passphrase, &packet.Config{
			Rand:          rand,
			DefaultCipher: packet.CipherAES256,
			S2KConfig: &s2k.Config{
				S2KMode:  s2k.IteratedSaltedS2K,
				S2KCount: s2kCount,
				Hash:     crypto.SHA256,
			},
		})
	})
}

// convert applies f to fresh copies of the secrets and puts them in the place of the old ones.
func (k *SecretKey) convert(f func([]*packet.PrivateKey) error) (*SecretKey, error) {
	keys, err := k.privateKeys()
	if err != nil {
		return nil, err
	}
	present := slices.DeleteFunc(slices.Clone(keys), func(p *packet.PrivateKey) bool { return p == nil })
	if err := f(present); err != nil {
		return nil, err
	}
	packets := slices.Clone(k.packets)
	next := 0
	for i, p := range packets {
		if p.tag != tagSecretKey && p.tag != tagSecretSubkey {
			continue
		}
		if key := keys[next]; key != nil {
			if packets[i].body, err = serialize(key); err != nil {
				return nil, fmt.Errorf("write secret key %s: %w", k.Fingerprint(), err)
			}
		}
		next++
	}
	return newSecretKey(packets)
}

// privateKeys returns one fresh key for each of k.secrets, nil for one without a secret.
func (k *SecretKey) privateKeys() ([]*packet.PrivateKey, error) {
	keys := make([]*packet.PrivateKey, len(k.secrets))
	for i, s := range k.secrets {
		if s.state != locked && s.state != unlocked {
			continue
		}
		p, err := s.packet.parse()
		if err != nil {
			return nil, malformed("its secret part cannot be read: " + plain(err))
		}
		keys[i] = p.(*packet.PrivateKey)
	}
	return keys, nil
}

// serialize returns the body of the packet.
func serialize(key *packet.PrivateKey) ([]byte, error) {
	var b bytes.Buffer
	if err := key.Serialize(&b); err != nil {
		return nil, err
	}
	p, err := parsePackets(b.Bytes())
	if err != nil {
		return nil, err
	}
	return p[0].body, nil
}
