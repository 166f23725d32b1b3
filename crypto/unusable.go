package crypto

import (
	"errors"
	"time"
)

// Reason is the kind of obstacle in the way of using a key. Every Reason refuses, the zero one too.
type Reason uint8

const (
	// Malformed is a key that cannot be read, breaks a limit or has no valid self-signature.
	Malformed Reason = iota
	// Expired is a key whose validity, or that of its encryption or signing subkey, has ended.
	Expired
	// Revoked is a key that its owner has withdrawn.
	Revoked
	// Weak is a key or self-signature by an algorithm that protects nothing any more.
	Weak
	// NotYetValid is a key that was made after the time asked about.
	NotYetValid
	// NoEncryption is a key without a part that its owner allows to encrypt to.
	NoEncryption
	// NoSigning is a key without a part that its owner allows to sign with.
	NoSigning
	// NoSecret is a secret key whose secret is elsewhere: on a smart card, or left out of the export.
	NoSecret
)

var reasonNames = [...]string{
	Malformed:    "malformed",
	Expired:      "expired",
	Revoked:      "revoked",
	Weak:         "weak",
	NotYetValid:  "not yet valid",
	NoEncryption: "cannot encrypt",
	NoSigning:    "cannot sign",
	NoSecret:     "no secret key",
}

// String returns the reason in a word or two.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "unusable"
}

// Unusable is the error for a key that exists but must not be used.
type Unusable struct {
	Reason Reason
	// Detail is a fragment of a sentence about the key, such as "its certificate expired on 2026-01-02".
	Detail string
}

// Error returns the detail.
func (u *Unusable) Error() string { return u.Detail }

var (
	// ErrPassphrase is returned for a passphrase that does not unlock the key.
	ErrPassphrase = errors.New("the passphrase does not unlock the secret key")
	// ErrLocked is returned where an unlocked secret key is needed.
	ErrLocked = errors.New("the secret key is locked with a passphrase")
	// ErrKeybox is returned for GnuPG's own key store.
	ErrKeybox = errors.New("this is a GnuPG keybox (.kbx) file, not a keyring: export with gpg --export first")
	// ErrNoKeys is returned for input without any OpenPGP key.
	ErrNoKeys = errors.New("no OpenPGP key found: neither armored key blocks nor a binary keyring")
	// ErrNotEncrypted is wrapped by every error of [InspectMessage].
	ErrNotEncrypted = errors.New("not a complete OpenPGP message encrypted to public keys")
)

func malformed(detail string) *Unusable { return &Unusable{Malformed, detail} }

func date(t time.Time) string { return t.UTC().Format(time.DateOnly) }
