package keys

import (
	"context"
	"sync"

	"sealmilter/internal/mail"
)

const (
	// maxKnownSenders bounds the memory of knownSenders in octets: some 5,000.
	maxKnownSenders = 1 << 20
	// knownSenderCost is about what one takes beside its address.
	knownSenderCost = 200
)

// knownSenders remembers which secret keys sign for addresses, as it is in one generation of the store. That an address has
// none is not remembered: it may get one at any moment. It is safe for concurrent use.
type knownSenders struct {
	mu           sync.Mutex
	generation   int64
	fingerprints recent[string, string] // by address
}

// fingerprintOf returns the fingerprint of the key that signs for an address in a generation of the store or later, or
// [store.ErrNotFound].
func (s *Senders) fingerprintOf(ctx context.Context, addr mail.Addr, generation int64) (string, error) {
	if fingerprint, known := s.known.get(addr.Key(), generation); known {
		return fingerprint, nil
	}
	sender, err := s.store.Sender(ctx, addr.Key())
	if err != nil {
		return "", err
	}
	s.known.put(addr.Key(), sender.Fingerprint, generation)
	return sender.Fingerprint, nil
}

func (k *knownSenders) get(address string, generation int64) (fingerprint string, known bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.generation != generation {
		return "", false
	}
	return k.fingerprints.get(address)
}

func (k *knownSenders) put(address, fingerprint string, generation int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case generation < k.generation:
		return
	case generation > k.generation:
		k.fingerprints.clear()
	}
	k.generation, k.fingerprints.limit = generation, maxKnownSenders
	k.fingerprints.put(address, fingerprint, len(address)+knownSenderCost)
}
