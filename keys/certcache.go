package keys

import (
	"crypto/sha256"
	"fmt"
	"sync"

	"sealmilter/crypto"
	"sealmilter/internal/store"
)

const (
	// maxCertMemory bounds the memory of a certCache in octets: some 900 certificates with one address and two keys.
	maxCertMemory = 8 << 20
	// certCost is what an entry takes beside its certificate, about, in octets.
	certCost = 200
)

// certCache keeps certificates of the store as they were parsed, with their signatures checked, which takes longer than
// to encrypt to one. It goes by what is stored, to the octet: whatever changes, in whatever process, what the store has is
// what counts, and only the work of reading it again is saved. Whether a certificate can be used at some time is no part
// of parsing it. The same certificate is the same pointer while it is kept. A certCache is safe for concurrent use.
type certCache struct {
	mu    sync.Mutex
	certs recent[[sha256.Size]byte, *crypto.Cert]
}

func newCertCache() *certCache {
	return &certCache{certs: recent[[sha256.Size]byte, *crypto.Cert]{limit: maxCertMemory}}
}

// parse returns a certificate of the store.
func (c *certCache) parse(row store.Certificate) (*crypto.Cert, error) {
	content := sha256.Sum256(row.Blob)
	c.mu.Lock()
	cert, known := c.certs.get(content)
	c.mu.Unlock()
	if known {
		return cert, nil
	}
	cert, err := parseStored(row)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if first, known := c.certs.get(content); known {
		return first, nil
	}
	c.certs.put(content, cert, cert.Size()+certCost)
	return cert, nil
}

// parseStored parses a certificate of the store, for those who go through many and come back to none.
func parseStored(row store.Certificate) (*crypto.Cert, error) {
	cert, err := crypto.ParseCert(row.Blob)
	if err != nil {
		return nil, fmt.Errorf("the stored certificate %s cannot be read (%w); remove it and import it again", row.Fingerprint, err)
	}
	return cert, nil
}
