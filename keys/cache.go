package keys

import (
	"sync"

	"sealmilter/crypto"
)

// maxCached bounds the addresses whose parsed certificates stay in memory, some 10 KiB each.
const maxCached = 1024

// certCache holds the certificates of addresses as they were in one generation of the store. The zero certCache is
// empty and ready for use.
type certCache struct {
	mu         sync.Mutex
	generation int64
	certs      map[string][]*crypto.Cert
}

// get returns what the cache has for an address in a generation. No certificates may be the answer, too.
func (c *certCache) get(generation int64, address string) (certs []*crypto.Cert, cached bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if generation != c.generation {
		return nil, false
	}
	certs, cached = c.certs[address]
	return certs, cached
}

// put keeps what was read after the store was in a generation. An older generation than that of the cache comes too
// late.
func (c *certCache) put(generation int64, address string, certs []*crypto.Cert) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if generation < c.generation {
		return
	}
	if generation > c.generation || c.certs == nil {
		c.generation, c.certs = generation, make(map[string][]*crypto.Cert)
	}
	if len(c.certs) >= maxCached {
		for victim := range c.certs {
			delete(c.certs, victim)
			break
		}
	}
	c.certs[address] = certs
}
