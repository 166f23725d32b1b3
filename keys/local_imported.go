package keys

import (
	"fmt"

	"sealmilter/crypto"
)

// Outcome is what an import did with one key.
type Outcome uint8

const (
	// Refused is a key that was not taken; Imported.Err says why.
	Refused Outcome = iota
	// Added is a key that was not known.
	Added
	// Updated is a known key that came with something new.
	Updated
	// Unchanged is a known key that came with nothing new.
	Unchanged
)

// String returns the outcome in one word.
func (o Outcome) String() string {
	switch o {
	case Added:
		return "added"
	case Updated:
		return "updated"
	case Unchanged:
		return "unchanged"
	default:
		return "refused"
	}
}

// Imported is what became of one key of an import.
type Imported struct {
	// Fingerprint is "" if the key could not even be read so far.
	Fingerprint string
	UserIDs     []string
	Secret      bool
	Outcome     Outcome
	// Err is why the key was refused; nil for every other outcome.
	Err error
	// Unprotected says that the secret key is now stored without a passphrase.
	Unprotected bool
	// Notes are what an administrator should know beside that, each a sentence without its full stop.
	Notes []string
}

func (i *Imported) note(format string, args ...any) {
	i.Notes = append(i.Notes, fmt.Sprintf(format, args...))
}

func (i *Imported) refuse(err error) {
	i.Outcome, i.Err = Refused, err
}

// about begins the result for a certificate or the public part of a secret key.
func about(cert *crypto.Cert) Imported {
	return Imported{Fingerprint: cert.Fingerprint(), UserIDs: cert.UserIDs()}
}
