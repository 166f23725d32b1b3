package gate

import (
	"sync"
	"time"
	"weak"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/mail"
)

// keyFields remembers the fields that carry certificates: to make one takes as long as to check the signatures of a
// certificate, which would be as long for a hundred recipients as to encrypt to them. The zero value is empty. It is safe
// for concurrent use.
type keyFields struct {
	mu   sync.Mutex
	made map[keyFieldID]madeField
	size int // octets of all
}

// keyFieldID is what a field depends on beside the time. Two lookups that give the same certificate give the same pointer as
// a rule; another pointer costs time and nothing else. The certificate itself is not kept.
type keyFieldID struct {
	cert weak.Pointer[crypto.Cert]
	kind fieldKind
	addr string // as it is spelled
}

type fieldKind uint8

const (
	gossipField fieldKind = iota
	autocryptField
	autocryptMutualField // with the wish for encrypted answers
)

// madeField is a field, or the reason why there is none.
type madeField struct {
	field mail.Field
	err   error
	until time.Time
}

const (
	// keyFieldLifetime is how long a field is taken for true: a subkey may expire meanwhile.
	keyFieldLifetime = time.Hour
	// maxKeyFields bounds the memory in octets. If it is full, all is forgotten.
	maxKeyFields = 4 << 20
	// keyFieldCost is about what an entry takes beside its field.
	keyFieldCost = 500
)

// get returns the field of that kind for a certificate and an address that it names. Errors are those of
// [crypto.Cert.Minimal] and [pgpmime.Autocrypt].
func (k *keyFields) get(kind fieldKind, c *crypto.Cert, addr mail.Addr, now time.Time) (mail.Field, error) {
	id := keyFieldID{weak.Make(c), kind, addr.String()}
	k.mu.Lock()
	known, found := k.made[id]
	k.mu.Unlock()
	if found && now.Before(known.until) {
		return known.field, known.err
	}
	made := madeField{until: now.Add(keyFieldLifetime)}
	made.field, made.err = kind.field(c, addr, now)
	cost := len(made.field.Value) + keyFieldCost
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.made == nil || k.size+cost > maxKeyFields {
		k.made, k.size = make(map[keyFieldID]madeField), 0
	}
	k.made[id] = made
	k.size += cost
	return made.field, made.err
}

// field makes one.
func (kind fieldKind) field(c *crypto.Cert, addr mail.Addr, now time.Time) (mail.Field, error) {
	minimal, err := c.Minimal(addr, now)
	switch {
	case err != nil:
		return mail.Field{}, err
	case kind == gossipField:
		return pgpmime.AutocryptGossip(addr, minimal)
	default:
		return pgpmime.Autocrypt(addr, minimal, kind == autocryptMutualField)
	}
}
