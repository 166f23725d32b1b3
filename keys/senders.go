package keys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
	"sealmilter/internal/store"
)

var (
	// ErrNoSecretKey says that no secret key was ever given to the sender. A key that is there but cannot be read,
	// unlocked or used is another error.
	ErrNoSecretKey = errors.New("no secret key")
	// ErrHasSecretKey says that a sender has a secret key already.
	ErrHasSecretKey = errors.New("there is a secret key already")
)

// Senders keeps the secret keys of those who send. The keys are in files, one each, or in the store; which address
// signs with which is in the store. It is safe for concurrent use, and another process may change keys at any time.
type Senders struct {
	store   *store.Store
	local   *Local
	options SendersOptions
	secrets secretKeys

	mu    sync.Mutex
	open  map[string]*openKey // by fingerprint
	swept int64               // the generation of the store in which open was last rid of removed keys
	known knownSenders

	trying sync.Mutex
	tried  tried
}

// SendersOptions are what [NewSenders] needs beside the store.
type SendersOptions struct {
	// Place is where the secret keys are. One that is only in the other place is found there and named in an error.
	Place SecretPlace
	// Dir holds the secret key files. It is created with mode 0700 when the first key comes; its parent must exist.
	Dir string
	// Passphrase locks keys at rest. Without one they are stored unprotected in
	// files, and not at all in the database.
	Passphrase Passphrase
	// Now is the clock.
	Now func() time.Time
	// Rand is the source of randomness.
	Rand io.Reader
}

// NewSenders returns the senders of a store. The certificates of their keys go to local, so that senders can write
// to each other.
func NewSenders(s *store.Store, local *Local, options SendersOptions) *Senders {
	return &Senders{
		store:   s,
		local:   local,
		options: options,
		secrets: newSecretKeys(s, options),
		open:    make(map[string]*openKey),
	}
}

// Signer returns the key that signs for an address, unlocked. Errors wrap [ErrNoSecretKey] only if the address never
// had one; any other says that there is one which does not work now. A "+tag" is part of the address here: on a host
// where it does not mean a tag, the mailbox without it is somebody else's.
func (s *Senders) Signer(ctx context.Context, addr mail.Addr) (*crypto.Signer, error) {
	generation, err := generationAt(ctx, s.store)
	if err != nil {
		return nil, fmt.Errorf("secret key of %s: %w", addr, err)
	}
	fingerprint, err := s.fingerprintOf(ctx, addr, generation)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, fmt.Errorf("%w for %s", ErrNoSecretKey, addr)
	case err != nil:
		return nil, fmt.Errorf("secret key of %s: %w", addr, err)
	}
	signer, err := s.signer(ctx, fingerprint, generation)
	if err != nil {
		return nil, fmt.Errorf("secret key %s of %s: %w", fingerprint, addr, err)
	}
	return signer, nil
}

// passphrase returns the configured passphrase, nil for none.
func (s *Senders) passphrase() ([]byte, error) {
	if s.options.Passphrase == nil {
		return nil, nil
	}
	return s.options.Passphrase()
}
