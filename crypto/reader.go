package crypto

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// reader has the keys of one certificate that a copy is encrypted to, one at least.
type reader []openpgp.Key

// readersOf selects the keys of each certificate. The error begins with the fingerprint of one without a key to encrypt to.
func readersOf(certs []*Cert, o EncryptOptions, at time.Time) ([]reader, error) {
	readers := make([]reader, len(certs))
	for i, c := range certs {
		keys, err := c.encryptionKeys(at)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Fingerprint(), err)
		}
		if o.NewestOnly {
			keys = []openpgp.Key{newestKey(keys)}
		}
		readers[i] = keys
	}
	return readers, nil
}

// is reports whether both are readers by the same certificate.
func (r reader) is(other reader) bool {
	return bytes.Equal(r[0].Entity.PrimaryKey.Fingerprint, other[0].Entity.PrimaryKey.Fingerprint)
}

// distinct leaves out what is the certificate of one before.
func distinct(certs []*Cert) []*Cert {
	var once []*Cert
	for _, c := range certs {
		if !slices.ContainsFunc(once, func(o *Cert) bool { return o.Fingerprint() == c.Fingerprint() }) {
			once = append(once, c)
		}
	}
	return once
}

// sealedData is a data packet with what all of its copies have in common beside it.
type sealedData struct {
	*data
	// also has the session-key packets of those who read every copy, packets all of them.
	also    [][]byte
	readers []reader
	packets []byte
	// first is a copy in each phase.
	first [phases]*Ciphertext
}

func sealData(m message, use suite, also []reader, cfg *packet.Config) (*sealedData, error) {
	d, err := newData(m, use, cfg.Random())
	if err != nil {
		return nil, err
	}
	sealed := &sealedData{data: d, readers: also}
	for _, r := range also {
		packets, err := sessionKeyPackets(r, use, d.sessionKey, cfg)
		if err != nil {
			return nil, fmt.Errorf("also to %X: %w", r[0].Entity.PrimaryKey.Fingerprint, err)
		}
		sealed.also = append(sealed.also, packets)
	}
	sealed.packets = slices.Concat(sealed.also...)
	return sealed, nil
}

// alsoBeside returns the session-key packets of those who read every copy, without the reader of one, who has their own.
func (d *sealedData) alsoBeside(of reader) []byte {
	at := slices.IndexFunc(d.readers, of.is)
	if at < 0 {
		return d.packets
	}
	return slices.Concat(slices.Concat(d.also[:at]...), slices.Concat(d.also[at+1:]...))
}

// copy returns the copy of a reader.
func (d *sealedData) copy(of reader, keys []byte, shelf *Shelf) *Ciphertext {
	c := &Ciphertext{keys: keys, also: d.alsoBeside(of), data: d.data, shelf: shelf}
	first := d.first[c.phase()]
	switch {
	case first == nil:
		d.first[c.phase()] = c
		return c
	case first.class == 0:
		first.class = shelf.newClass()
	}
	c.class = first.class
	return c
}
