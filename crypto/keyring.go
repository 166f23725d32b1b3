package crypto

import (
	"errors"
	"fmt"
	"io"
	"iter"
)

// Keyring is what [ReadKeyring] found, in the order of the input.
type Keyring struct {
	Certs       []*Cert
	Secrets     []*SecretKey
	Revocations []*Revocation
	Skipped     []*Skipped
}

// Key is one key of a keyring, or the revocation of one: exactly one of the fields is set.
type Key struct {
	Cert       *Cert
	Secret     *SecretKey
	Revocation *Revocation
}

// Skipped is a part of a keyring that gave no key.
type Skipped struct {
	// Number counts the keys and revocations of the input from 1, the skipped ones too.
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
		case key.Revocation != nil:
			ring.Revocations = append(ring.Revocations, key.Revocation)
		default:
			ring.Certs = append(ring.Certs, key.Cert)
		}
	}
	return ring, nil
}

// Keys reads certificates, secret keys and revocation certificates, mixed, from a binary keyring or from text with
// any number of armored blocks and anything around them. Blocks quoted with "> " are not recognised. It keeps no more
// than one key in memory.
//
// A revocation certificate is one that begins a block or the input; in the wake of a key it counts as part of that
// key. A key that cannot be read yields a [*Skipped] and costs none of the others, as far as the data are not damaged
// beyond finding the next one. Any other error ends the sequence: one of r, [ErrKeybox], or [ErrNoKeys]. The sequence
// can be used once.
func Keys(r io.Reader) iter.Seq2[Key, error] {
	return func(yield func(Key, error) bool) {
		number := 0
		for group, err := range keyGroups(r) {
			if err != nil {
				yield(Key{}, err)
				return
			}
			number++
			key, err := group.key()
			if err != nil {
				err = &Skipped{Number: number, Fingerprint: group.fingerprint(), Err: err}
			}
			if !yield(key, err) {
				return
			}
		}
	}
}
