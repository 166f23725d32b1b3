package crypto

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// EncryptedMessage says for whom an OpenPGP message is encrypted.
type EncryptedMessage struct {
	// KeyIDs are the key IDs of the session-key packets, those of version 6 packets taken from their fingerprints.
	KeyIDs []uint64
	// Anonymous says that a session-key packet names no key: it may be for anybody.
	Anonymous bool

	// keys are all that name a key, by its ID: a message may have thousands of recipients, each of whom is asked about.
	keys map[uint64][]*packet.EncryptedKey
	// versions are those of the session-key packets.
	versions []int
}

// InspectMessage parses a binary or armored message without decrypting it. It wants at least one public-key
// encrypted session key and then one integrity-protected data packet (SEIPD, or LibrePGP's AEAD) of which the
// session keys can be meant, with all lengths right up to the last octet and nothing else beside marker and padding
// packets. White space may stand around the armor and nothing else: no text, and no header but Version, Comment,
// MessageID, Hash and Charset. A message that a passphrase opens, too, is refused: nobody knows how easy that is to guess.
//
// Errors wrap [ErrNotEncrypted]. That a session key really opens the data cannot be known without the secret key.
func InspectMessage(b []byte) (*EncryptedMessage, error) {
	var packets io.Reader = bytes.NewReader(b)
	if len(b) == 0 || b[0]&0x80 == 0 {
		var err error
		if packets, err = dearmorWhole(b, armorMessage); err != nil {
			return nil, notEncrypted(err)
		}
	}
	m, err := inspectPackets(bufio.NewReader(packets))
	if err != nil {
		return nil, notEncrypted(err)
	}
	return m, nil
}

func notEncrypted(err error) error { return fmt.Errorf("%w: %w", ErrNotEncrypted, err) }

// For reports whether a session-key packet names a key of the certificate by which the owner reads, and is encrypted by its
// algorithm. One that names no key is for nobody: only who has the secret key could tell.
func (m *EncryptedMessage) For(c *Cert) bool {
	for pub := range c.readingKeys {
		for _, key := range m.keys[pub.KeyId] {
			named := key.Version < 6 || bytes.Equal(key.KeyFingerprint, pub.Fingerprint)
			if named && key.Algo == pub.PubKeyAlgo {
				return true
			}
		}
	}
	return false
}

// readingKeys yields the keys by which the owner reads what somebody has encrypted with whatever copy of the certificate:
// also one that has expired or was replaced since, but none that is weak or that a stranger may have.
func (c *Cert) readingKeys(yield func(*packet.PublicKey) bool) {
	if self, err := c.entity.PrimarySelfSignature(time.Time{}, policy()); err == nil && encrypts.fit(c.entity.PrimaryKey, self) {
		if !yield(c.entity.PrimaryKey) {
			return
		}
	}
	for i := range c.entity.Subkeys {
		sub := &c.entity.Subkeys[i]
		sig, err := sub.LatestValidBindingSignature(time.Time{}, policy())
		if err != nil || !encrypts.fit(sub.PublicKey, sig) {
			continue
		}
		hard := func(r *packet.VerifiableSignature) bool { return *r.Valid && isHard(r.Packet) }
		if !slices.ContainsFunc(sub.Revocations, hard) && !yield(sub.PublicKey) {
			return
		}
	}
}

// SessionKeys returns the number of public-key encrypted session keys.
func (m *EncryptedMessage) SessionKeys() int { return len(m.versions) }

func inspectPackets(r *bufio.Reader) (*EncryptedMessage, error) {
	m := &EncryptedMessage{keys: map[uint64][]*packet.EncryptedKey{}}
	for {
		h, err := readHeader(r)
		if err != nil {
			return nil, truncated(err)
		}
		switch h.tag {
		case tagSEIPD, tagAEAD:
			if err := m.readData(r, h); err != nil {
				return nil, err
			}
			return m, skipFiller(r)
		case tagSessionKey:
			if err := m.readSessionKey(r, h); err != nil {
				return nil, err
			}
		case tagMarker, tagPadding:
			if err := skipBody(r, h); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("a packet of type %d stands before the encrypted data", h.tag)
		}
	}
}

// Limits of one message.
const (
	maxSessionKeys    = 5000
	maxSessionKeySize = 16 << 10 // octets
)

func (m *EncryptedMessage) readSessionKey(r *bufio.Reader, h packetHeader) error {
	if h.length > maxSessionKeySize || len(m.versions) == maxSessionKeys {
		return errors.New("its session keys are too large or too many")
	}
	body, err := readBody(r, h)
	if err != nil {
		return err
	}
	p, err := body.parse()
	key, ok := p.(*packet.EncryptedKey)
	switch {
	case err != nil:
		return fmt.Errorf("a session key cannot be read: %s", plain(err))
	case !ok:
		return errors.New("a session key cannot be read")
	}
	m.versions = append(m.versions, key.Version)
	if key.Version < 6 && key.KeyId == 0 || key.Version >= 6 && key.KeyVersion == 0 {
		m.Anonymous = true
	} else {
		m.KeyIDs = append(m.KeyIDs, key.KeyId)
		m.keys[key.KeyId] = append(m.keys[key.KeyId], key)
	}
	return nil
}

// Octets before the encrypted packets and after them, with one octet at least in between.
const (
	minSEIPD1 = 1 + 18 + 22 + 1      // version, random prefix, modification detection code
	minSEIPD2 = 4 + 32 + 16 + 16 + 1 // version, cipher, mode, chunk size, salt, two tags
	minAEAD   = 4 + 12 + 16 + 16 + 1 // the same with a nonce
)

// readData checks the frame of the data packet to its end, and that the session keys are of the version that goes
// with it (RFC 9580, section 10.3.2.1).
func (m *EncryptedMessage) readData(r *bufio.Reader, h packetHeader) error {
	if len(m.versions) == 0 {
		return errors.New("it is not encrypted to a public key")
	}
	version, err := r.Peek(1)
	if err != nil {
		return truncated(err)
	}
	var least int64
	keyVersion := 3
	switch {
	case h.tag == tagSEIPD && version[0] == 1:
		least = minSEIPD1
	case h.tag == tagSEIPD && version[0] == 2:
		least, keyVersion = minSEIPD2, 6
	case h.tag == tagAEAD && version[0] == 1:
		least = minAEAD
	default:
		return errors.New("its data are encrypted in an unknown way")
	}
	for _, version := range m.versions {
		if version != keyVersion {
			return errors.New("its session keys and its data do not belong together")
		}
	}
	total := h.length
	for ; h.partial; total += h.length {
		if err := skip(r, h.length); err != nil {
			return err
		}
		if h.length, h.partial, err = readLength(r); err != nil {
			return truncated(err)
		}
	}
	if total < least {
		return errors.New("its data are too short")
	}
	return skip(r, h.length)
}

// skipFiller reads what may follow the data.
func skipFiller(r *bufio.Reader) error {
	for {
		h, err := readHeader(r)
		if err == io.EOF {
			return nil
		}
		if err == nil && h.tag != tagMarker && h.tag != tagPadding {
			err = fmt.Errorf("a packet of type %d follows the encrypted data", h.tag)
		}
		if err == nil {
			err = skipBody(r, h)
		}
		if err != nil {
			return err
		}
	}
}

func skipBody(r *bufio.Reader, h packetHeader) error {
	if h.partial {
		return fmt.Errorf("%w: a packet of type %d comes in pieces", errFraming, h.tag)
	}
	return skip(r, h.length)
}

func skip(r *bufio.Reader, n int64) error {
	_, err := io.CopyN(io.Discard, r, n)
	return truncated(err)
}
