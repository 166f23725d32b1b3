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

// keyGroup is one key of a keyring, or a signature that stands before any key, as packets that nobody has looked at.
type keyGroup struct {
	packets []rawPacket
	// err says that there is more of the key, which is too large or damaged, or that there is none.
	err error
}

// keyGroups reads a binary keyring or text with armored blocks, group by group, and keeps no more than one in memory.
// A group that is damaged ends neither the sequence nor the groups of other blocks. An error does: one of r,
// [ErrKeybox], or [ErrNoKeys].
func keyGroups(r io.Reader) iter.Seq2[keyGroup, error] {
	return func(yield func(keyGroup, error) bool) {
		src := &source{r: r}
		in := bufio.NewReaderSize(src, 64<<10)
		k := &groupReader{yield: yield}
		head, _ := in.Peek(12)
		switch {
		case len(head) == 12 && string(head[8:]) == "KBXf":
			yield(keyGroup{}, ErrKeybox)
			return
		case len(head) > 0 && head[0]&0x80 != 0 && !bytes.HasPrefix(head, byteOrderMark):
			k.readPackets(in)
		default:
			k.readText(in)
		}
		switch {
		case k.stopped:
		case src.err != nil:
			yield(keyGroup{}, fmt.Errorf("read keyring: %w", src.err))
		case k.number == 0:
			yield(keyGroup{}, ErrNoKeys)
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

// groupReader cuts packets into groups.
type groupReader struct {
	yield   func(keyGroup, error) bool
	number  int
	stopped bool

	group []rawPacket
	size  int64 // of the group, with what was thrown away because it is too much
}

// readText reads every armored block.
func (k *groupReader) readText(in *bufio.Reader) {
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
			k.emit(keyGroup{err: fmt.Errorf("an armored block %.40q holds no keys", label)})
		}
	}
}

// readPackets reads groups until the data end or are damaged.
func (k *groupReader) readPackets(in *bufio.Reader) {
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
			k.emit(keyGroup{k.group, err})
			return
		}
	}
}

func (k *groupReader) readPacket(in *bufio.Reader, h packetHeader) error {
	if h.tag == tagPublicKey || h.tag == tagSecretKey || len(k.group) > 0 && k.group[0].tag == tagSignature {
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

// flush hands out the group that has been read.
func (k *groupReader) flush() {
	switch {
	case k.size > maxCertSize:
		k.emit(keyGroup{k.group, malformed("it is larger than 1 MiB")})
	case len(k.group) > 0:
		k.emit(keyGroup{packets: k.group})
	}
}

func (k *groupReader) emit(g keyGroup) {
	k.group, k.size = nil, 0
	if !k.stopped {
		k.number++
		k.stopped = !k.yield(g, nil)
	}
}

// key parses the group. A damaged one is not taken: it may have lost a revocation.
func (g keyGroup) key() (Key, error) {
	var key Key
	err := g.err
	switch {
	case err != nil:
	case len(g.packets) == 0:
		err = errors.New("it is empty")
	case g.packets[0].tag == tagPublicKey:
		key.Cert, err = newCert(g.packets)
	case g.packets[0].tag == tagSecretKey:
		key.Secret, err = newSecretKey(g.packets)
	case g.isRevocation():
		key.Revocation, err = newRevocation(g.packets[0])
	default:
		err = fmt.Errorf("a packet of type %d stands where a key should begin", g.packets[0].tag)
	}
	if err != nil {
		return Key{}, err
	}
	return key, nil
}

func (g keyGroup) isRevocation() bool {
	return len(g.packets) == 1 && g.packets[0].tag == tagSignature && signatureType(g.packets[0]) == sigKeyRevocation
}

// fingerprint names the key, if its first packet allows.
func (g keyGroup) fingerprint() string {
	if len(g.packets) == 0 || g.packets[0].tag != tagPublicKey && g.packets[0].tag != tagSecretKey {
		return ""
	}
	// What follows the public part of a secret key is of no interest here.
	p := rawPacket{tag: tagPublicKey, body: g.packets[0].body}
	parsed, err := p.parse()
	if pub, ok := parsed.(*packet.PublicKey); ok && err == nil {
		return fmt.Sprintf("%X", pub.Fingerprint)
	}
	return ""
}
