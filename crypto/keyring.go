package crypto

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Keyring is what [ReadKeyring] found, in the order of the input.
type Keyring struct {
	Certs   []*Cert
	Secrets []*SecretKey
	Skipped []*Skipped
}

// Key is one key of a keyring: exactly one of the fields is set.
type Key struct {
	Cert   *Cert
	Secret *SecretKey
}

// Skipped is a part of a keyring that gave no key.
type Skipped struct {
	// Number counts the keys of the input from 1, the skipped ones too.
	Number int
	// Fingerprint is empty if not even the primary key could be read.
	Fingerprint string
	Err         error
}

// Error says which key and why.
func (s *Skipped) Error() string {
	if s.Fingerprint != "" {
		return fmt.Sprintf("key %d (%s): %v", s.Number, s.Fingerprint, s.Err)
	}
	return fmt.Sprintf("key %d: %v", s.Number, s.Err)
}

// Unwrap returns the reason.
func (s *Skipped) Unwrap() error { return s.Err }

// ReadKeyring reads all keys as [Keys] does. Its error is the one that ended the reading; what was found before is
// returned with it.
func ReadKeyring(r io.Reader) (*Keyring, error) {
	ring := new(Keyring)
	for key, err := range Keys(r) {
		var skipped *Skipped
		switch {
		case errors.As(err, &skipped):
			ring.Skipped = append(ring.Skipped, skipped)
		case err != nil:
			return ring, err
		case key.Secret != nil:
			ring.Secrets = append(ring.Secrets, key.Secret)
		default:
			ring.Certs = append(ring.Certs, key.Cert)
		}
	}
	return ring, nil
}

// Keys reads certificates and secret keys, mixed, from a binary keyring or from text with any number of armored
// blocks and anything around them. Blocks quoted with "> " are not recognised. It keeps no more than one key in
// memory.
//
// A key that cannot be read yields a [*Skipped] and costs none of the others, as far as the data are not damaged
// beyond finding the next one. Any other error ends the sequence: one of r, [ErrKeybox], or [ErrNoKeys]. The sequence
// can be used once.
func Keys(r io.Reader) iter.Seq2[Key, error] {
	return func(yield func(Key, error) bool) {
		src := &source{r: r}
		in := bufio.NewReaderSize(src, 64<<10)
		k := &keyReader{yield: yield}
		head, _ := in.Peek(12)
		switch {
		case len(head) == 12 && string(head[8:]) == "KBXf":
			yield(Key{}, ErrKeybox)
			return
		case len(head) > 0 && head[0]&0x80 != 0 && !bytes.HasPrefix(head, byteOrderMark):
			k.readPackets(in)
		default:
			k.readText(in)
		}
		switch {
		case k.stopped:
		case src.err != nil:
			yield(Key{}, fmt.Errorf("read keyring: %w", src.err))
		case k.number == 0:
			yield(Key{}, ErrNoKeys)
		}
	}
}

// source remembers the error of its reader, which decoders above it may replace with their own.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// keyReader cuts packets into keys.
type keyReader struct {
	yield   func(Key, error) bool
	number  int
	stopped bool

	group []rawPacket
	size  int64 // of the group, with what was thrown away because it is too much
}

// readText reads every armored block.
func (k *keyReader) readText(in *bufio.Reader) {
	blocks := &armorScanner{in: in}
	for !k.stopped {
		label, body, err := blocks.next()
		if err != nil {
			return // the end, or an error of the source
		}
		found := k.number
		if label == armorPublic || label == armorSecret {
			k.readPackets(bufio.NewReader(body))
		}
		if k.number == found {
			k.skip("", fmt.Errorf("an armored block %.40q holds no keys", label))
		}
	}
}

// readPackets reads keys until the data end or are damaged.
func (k *keyReader) readPackets(in *bufio.Reader) {
	defer func() { k.group, k.size = nil, 0 }()
	for !k.stopped {
		h, err := readHeader(in)
		if err == io.EOF {
			k.flush()
			return
		}
		if err == nil {
			err = k.readPacket(in, h)
		}
		if err != nil {
			// The key that was being read may have lost a revocation: it is not taken.
			k.skip(k.fingerprint(), err)
			return
		}
	}
}

func (k *keyReader) readPacket(in *bufio.Reader, h packetHeader) error {
	if h.tag == tagPublicKey || h.tag == tagSecretKey {
		k.flush()
	}
	k.size += packetOverhead + h.length
	if k.size > maxCertSize {
		_, err := io.CopyN(io.Discard, in, h.length)
		return truncated(err)
	}
	p, err := readBody(in, h)
	k.group = append(k.group, p)
	return err
}

// flush hands out the key that has been read.
func (k *keyReader) flush() {
	group := k.group
	tooLarge := k.size > maxCertSize
	if k.stopped || len(group) == 0 && !tooLarge {
		return
	}
	defer func() { k.group, k.size = nil, 0 }()
	var key Key
	var err error
	switch {
	case tooLarge:
		err = malformed("it is larger than 1 MiB")
	case group[0].tag == tagPublicKey:
		key.Cert, err = newCert(group)
	case group[0].tag == tagSecretKey:
		key.Secret, err = newSecretKey(group)
	default:
		err = fmt.Errorf("a packet of type %d stands where a key should begin", group[0].tag)
	}
	if err != nil {
		k.skip(k.fingerprint(), err)
		return
	}
	k.number++
	k.stopped = !k.yield(key, nil)
}

func (k *keyReader) skip(fingerprint string, err error) {
	if k.stopped {
		return
	}
	k.number++
	k.stopped = !k.yield(Key{}, &Skipped{Number: k.number, Fingerprint: fingerprint, Err: err})
}

// fingerprint names the key that has been read, if its first packet allows.
func (k *keyReader) fingerprint() string {
	if len(k.group) == 0 || k.group[0].tag != tagPublicKey && k.group[0].tag != tagSecretKey {
		return ""
	}
	// What follows the public part of a secret key is of no interest here.
	p := rawPacket{tag: tagPublicKey, body: k.group[0].body}
	parsed, err := packet.Read(bytes.NewReader(p.appendTo(nil)))
	if pub, ok := parsed.(*packet.PublicKey); ok && err == nil {
		return fmt.Sprintf("%X", pub.Fingerprint)
	}
	return ""
}
