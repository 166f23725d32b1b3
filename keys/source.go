package keys

import (
	"context"
	"errors"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
)

var (
	// ErrNotFound is a source's definite "this address has no key".
	ErrNotFound = errors.New("no key")
	// ErrNoService is the answer of a place that does not look as if it ever served keys: there is no such host, it
	// refuses the connection, or it is somebody else's. The [Directory] takes that for "no key", unless the domain
	// has served keys before.
	ErrNoService = errors.New("no key service")
)

// Source finds certificates for addresses. It is used by several goroutines at once.
type Source interface {
	// Name is short and unique, such as "local" or "wkd".
	Name() string
	// Lookup returns the certificates that the source has for an address, in any order, usable or not, and perhaps
	// with other User IDs. It returns [ErrNotFound] only for a definite "this address has no key", and [ErrNoService]
	// where the recipient's domain has no such service; any other error means that it is unknown. It ends when ctx
	// does.
	Lookup(ctx context.Context, addr mail.Addr) ([]*crypto.Cert, error)
}

// DomainSource is a source that each recipient's own domain runs, or does not.
type DomainSource interface {
	Source
	// Announces reports whether the domain says that it serves keys, though perhaps none for some address. The
	// domain is in lower-case A-labels. An error means that it is unknown.
	Announces(ctx context.Context, domain string) (bool, error)
}

// FingerprintSource is a source that can be asked for a certificate without naming the address of a correspondent.
type FingerprintSource interface {
	Source
	// LookupFingerprint returns what the source has of the certificate with a fingerprint (upper-case hexadecimal): a
	// keyring, armored or binary, perhaps without User IDs. Errors are as for Lookup.
	LookupFingerprint(ctx context.Context, fingerprint string) ([]byte, error)
}
