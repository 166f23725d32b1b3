package keys

import (
	"context"
	"errors"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
)

// ErrNotFound is a source's definite "this address has no key".
var ErrNotFound = errors.New("no key")

// Source finds certificates for addresses. It is used by several goroutines at once.
type Source interface {
	// Name is short and unique, such as "local" or "wkd".
	Name() string
	// Lookup returns the certificates that the source has for an address, in any order and usable or not. It returns
	// [ErrNotFound] only for a definite "this address has no key"; any other error means that it is unknown. It ends
	// when ctx does.
	Lookup(ctx context.Context, addr mail.Addr) ([]*crypto.Cert, error)
}
