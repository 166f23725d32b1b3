package crypto

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// EncryptOptions says what the readers of one call may know and share. The zero value shares nothing and is for
// readers who may know of each other.
type EncryptOptions struct {
	// Hidden is for Bcc: the signature names no intended recipient.
	Hidden bool
	// Share lets copies for equally able readers have one session key and one data packet in common, and its armored
	// text, which makes a further copy cost little more than its session-key packet. Who holds two copies can see that
	// they are the same message. Without it every copy has its own session key.
	Share bool
	// Shelf is where the calls for one message keep what their copies have in common, and their session keys. Without it
	// each call has one of its own.
	Shelf *Shelf
	// NewestOnly encrypts to the newest valid encryption subkey of each certificate instead of all of them.
	NewestOnly bool
	// Also has further readers of every copy, such as its author and an archive. Everybody sees their keys in each copy, and
	// a copy has the packets and the cipher that all of its readers announce: an archive without AEAD has every copy without
	// it. No choice of theirs goes below AES in version 1 data packets (RFC 9580, section 5.13.1).
	Also []*Cert
}

// maxIntended bounds the list of intended recipients; a longer one is left out. Each takes 23 or 35 octets of the
// signature's hashed part, and GnuPG 2.2 refuses signatures in which that has more than 10000.
const maxIntended = 100

// Encrypt makes one OpenPGP message for each certificate, in the same order, signed once if by is not nil. A
// certificate that cannot be encrypted to makes the whole call fail with an [*Unusable] and its fingerprint.
//
// Each copy has a session-key packet for every valid encryption subkey of its reader's certificate, since their devices
// may have different ones, or for the newest only with o.NewestOnly; those for o.Also follow. A message names its one
// reader's keys, those of o.Also and nobody else's in the open. Inside, unless o.Hidden, the signature names the primary
// keys of all certificates of the call, o.Also included, as intended recipients (RFC 9580, section 5.2.3.36), so that a
// reader can tell that it was meant for them. Readers that must not know of each other go into calls of their own
// with o.Hidden, whose signatures carry no such list: a list without its reader would be refused by that reader's
// program.
//
// An old certificate among to lowers nobody else's protection: each reader gets the best packets and cipher that their
// own certificate and those of o.Also announce.
//
// The copies are encrypted when they are written. They hold on to the payload, which must not change until then; whatever
// can fail fails here.
func (s *Sealer) Encrypt(payload Payload, by *Signer, to []*Cert, o EncryptOptions) ([]*Ciphertext, error) {
	if len(to) == 0 {
		return nil, errors.New("encrypt: no recipient")
	}
	cfg := s.config()
	readers, err := readersOf(to, o, cfg.Now())
	if err != nil {
		return nil, fmt.Errorf("encrypt to %w", err)
	}
	also, err := readersOf(distinct(o.Also), o, cfg.Now())
	if err != nil {
		return nil, fmt.Errorf("encrypt every copy also to %w", err)
	}
	inner, err := s.message(payload, by, intendedRecipients(slices.Concat(to, o.Also), o), cfg)
	if err != nil {
		return nil, err
	}
	if o.Shelf == nil {
		o.Shelf = new(Shelf)
	}
	shared := make(map[suite]*sealedData)
	copies := make([]*Ciphertext, len(to))
	for i, r := range readers {
		use := suiteOf(append([]reader{r}, also...)...)
		of := shared[use]
		if of == nil {
			if of, err = sealData(inner, use, also, cfg); err != nil {
				return nil, fmt.Errorf("encrypt to %s: %w", to[i].Fingerprint(), err)
			}
			o.Shelf.add(of.data)
			if o.Share {
				shared[use] = of
			}
		}
		keys, err := sessionKeyPackets(r, use, of.sessionKey, cfg)
		if err != nil {
			return nil, fmt.Errorf("encrypt to %s: %w", to[i].Fingerprint(), err)
		}
		copies[i] = of.copy(r, keys, o.Shelf)
	}
	return copies, nil
}

// sessionKeyPackets writes one packet for each key. A key that turns out to be broken, such as one of low order, is
// left out if there are others.
func sessionKeyPackets(to reader, use suite, sessionKey []byte, cfg *packet.Config) ([]byte, error) {
	var packets bytes.Buffer
	var failed error
	for _, key := range to {
		whole := packets.Len()
		if err := packet.SerializeEncryptedKeyAEAD(&packets, key.PublicKey, use.cipher, use.v2, sessionKey, cfg); err != nil {
			packets.Truncate(whole)
			failed = err
		}
	}
	if packets.Len() == 0 {
		return nil, failed
	}
	return packets.Bytes(), nil
}

func intendedRecipients(to []*Cert, o EncryptOptions) []*packet.Recipient {
	if o.Hidden || len(to) > maxIntended {
		return nil
	}
	var list []*packet.Recipient
	named := make(map[string]bool)
	for _, c := range to {
		primary := c.entity.PrimaryKey
		if !named[string(primary.Fingerprint)] {
			named[string(primary.Fingerprint)] = true
			list = append(list, &packet.Recipient{KeyVersion: primary.Version, Fingerprint: primary.Fingerprint})
		}
	}
	return list
}

// message is what gets encrypted: a literal data packet, between a one-pass signature and its signature if it is
// signed (RFC 9580, section 10.3).
type message = Payload

func (s *Sealer) message(payload Payload, by *Signer, intended []*packet.Recipient, cfg *packet.Config) (message, error) {
	var before, after bytes.Buffer
	if by != nil {
		sig, err := s.sign(payload, by, intended, cfg)
		if err == nil {
			err = onePass(sig, &by.key.PublicKey).Serialize(&before)
		}
		if err == nil {
			err = sig.Serialize(&after)
		}
		if err != nil {
			return nil, err
		}
	}
	before.Write(literalHeader(payload.Size()))
	return message{Octets(before.Bytes()), payload, Octets(after.Bytes())}, nil
}

func onePass(sig *packet.Signature, pub *packet.PublicKey) *packet.OnePassSignature {
	version := 3
	if pub.Version >= 6 {
		version = pub.Version
	}
	return &packet.OnePassSignature{
		Version:        version,
		SigType:        sig.SigType,
		Hash:           sig.Hash,
		PubKeyAlgo:     sig.PubKeyAlgo,
		KeyId:          pub.KeyId,
		KeyFingerprint: pub.Fingerprint,
		Salt:           sig.Salt(),
		IsLast:         true,
	}
}

// literalHeader begins a literal data packet of binary data, without a file name and a date (RFC 9580, section 5.9).
func literalHeader(payload int64) []byte {
	const tag, binaryData = 0xc0 | 11, 'b'
	fields := []byte{binaryData, 0, 0, 0, 0, 0}
	b := binary.BigEndian.AppendUint32([]byte{tag, 255}, uint32(int64(len(fields))+payload))
	return append(b, fields...)
}
