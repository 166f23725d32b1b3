package crypto

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"sealmilter/internal/mail"
)

// Cert is one certificate: a transferable public key (RFC 9580, section 10.1). It is immutable and safe for
// concurrent use.
type Cert struct {
	raw      []byte
	entity   *openpgp.Entity // settled, hence only read
	weakHash bool
	userIDs  []string
	addrs    []mail.Addr
	size     int
}

// ParseCert parses one binary certificate and checks all its self-signatures. Errors are an [*Unusable] with the
// reason [Malformed]; a certificate that is expired, revoked or weak parses, and [Cert.Check] says what is wrong.
//
// Equal User IDs, subkeys and signatures become one, and revocations and other signatures of the primary key move to
// the place right after it. At most 1 MiB, 100 User IDs, 1000 signatures and 100 subkeys are accepted, and RSA up to
// 16384 bits.
func ParseCert(b []byte) (*Cert, error) {
	packets, err := parsePackets(b)
	if err != nil {
		return nil, err
	}
	return newCert(packets)
}

func newCert(packets []rawPacket) (*Cert, error) {
	if len(packets) == 0 || packets[0].tag != tagPublicKey {
		return nil, malformed("it does not begin with a public key")
	}
	packets, err := tidy(packets)
	if err != nil {
		return nil, err
	}
	parts := components(packets)
	packets = join(parts)
	c := &Cert{raw: encodePackets(packets)}
	c.entity, err = readEntity(parts)
	if err != nil {
		if !slices.ContainsFunc(packets, func(p rawPacket) bool { return p.tag == tagUserID }) {
			return nil, malformed("it has no User ID")
		}
		return nil, malformed("it cannot be read: " + plain(err))
	}
	if tooCostly(c.entity) {
		return nil, malformed("checking its signatures would take too long")
	}
	c.weakHash = settle(c.entity)
	c.readUserIDs(packets)
	c.size = memoryOf(packets)
	return c, nil
}

// readEntity lets the library read the components, packet by packet: what a packet holds beyond its contents the library
// would take for further packets, which could swallow a revocation. What it cannot read is left out, so that a broken
// signature by a stranger costs nobody their certificate: signatures, and subkeys with theirs.
func readEntity(parts []component) (*openpgp.Entity, error) {
	var known []packet.Packet
	for i, part := range parts {
		about, err := readComponent(part.about)
		switch {
		case err != nil && i == 0:
			return nil, err
		case err != nil, part.about.tag == tagUserAttr:
			continue
		}
		known = append(known, about)
		for _, sig := range part.signatures {
			if s, err := sig.parse(); err == nil {
				known = append(known, s)
			}
		}
	}
	r := packet.NewReader(new(bytes.Reader))
	for _, p := range slices.Backward(known) {
		r.Unread(p)
	}
	return openpgp.ReadEntity(r)
}

// readComponent refuses a key that is not written in the one way that its fingerprint and signatures are about: it
// would be the same key once more, perhaps without its revocation.
func readComponent(p rawPacket) (packet.Packet, error) {
	parsed, err := p.parse()
	if err != nil {
		return nil, err
	}
	pub, isKey := parsed.(*packet.PublicKey)
	if !isKey {
		return parsed, nil
	}
	var b bytes.Buffer
	if err := pub.Serialize(&b); err != nil {
		return nil, err
	}
	if !bytes.Equal(b.Bytes(), p.appendTo(nil)) {
		return nil, errors.New("a key has octets that do not belong to it")
	}
	return pub, nil
}

// tidy checks the limits and drops what is no part of a certificate: a keyring's trust packets and packets of
// unknown, non-critical types.
func tidy(packets []rawPacket) ([]rawPacket, error) {
	kept := make([]rawPacket, 0, len(packets))
	var holds extent
	for i, p := range packets {
		switch {
		case ignorable(p):
			continue
		case i == 0, p.tag == tagUserID, p.tag == tagUserAttr, p.tag == tagSignature, p.tag == tagPublicSubkey:
		default:
			return nil, malformed(fmt.Sprintf("it holds a packet of type %d, which is no part of it", p.tag))
		}
		holds.add(p)
		kept = append(kept, p)
	}
	return kept, holds.exceeded()
}

// ignorable reports whether the packet is no part of a certificate, but may stand in one.
func ignorable(p rawPacket) bool {
	return p.tag == tagTrust || p.tag == tagMarker || p.tag == tagPadding || p.tag >= firstNonCritical
}

// boundKeys yields the primary key and the subkeys with a valid binding signature of any time.
func (c *Cert) boundKeys(yield func(*packet.PublicKey) bool) {
	if !yield(c.entity.PrimaryKey) {
		return
	}
	for i := range c.entity.Subkeys {
		sub := &c.entity.Subkeys[i]
		if _, err := sub.LatestValidBindingSignature(time.Time{}, policy()); err == nil && !yield(sub.PublicKey) {
			return
		}
	}
}

// Fingerprint returns the primary key's fingerprint in upper-case hexadecimal.
func (c *Cert) Fingerprint() string { return fmt.Sprintf("%X", c.entity.PrimaryKey.Fingerprint) }

// Bytes returns the binary certificate in the caller's own copy. It never holds secret material.
func (c *Cert) Bytes() []byte { return slices.Clone(c.raw) }

// WriteArmored writes the certificate in ASCII armor, with LF line ends.
func (c *Cert) WriteArmored(w io.Writer) error {
	_, err := keyArmor(armorPublic, c).write(w, c.raw)
	return err
}

func keyArmor(label string, c *Cert) armorFrame {
	return armorFrame{label: label, eol: "\n", checksum: c.entity.PrimaryKey.Version < 6}
}

// Created returns the creation time of the primary key.
func (c *Cert) Created() time.Time { return c.entity.PrimaryKey.CreationTime.UTC() }

// HasKeyID reports whether the primary key or a validly bound subkey has this key ID.
func (c *Cert) HasKeyID(id uint64) bool {
	for pub := range c.boundKeys {
		if pub.KeyId == id {
			return true
		}
	}
	return false
}

// plain drops go-crypto's prefixes from an error for people.
func plain(err error) string {
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), "openpgp: "), "invalid data: ")
}
