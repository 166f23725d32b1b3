package pgpmime

import (
	"bytes"

	"sealmilter/crypto"
)

const (
	// aliasSize is the least that is not copied.
	aliasSize = 4 << 10
	// copySize is how much of what is copied is one piece.
	copySize = 64 << 10
	// keepSize is how much of a body is kept encoded, in up to two forms. All three are in octets. It is enough for a
	// letter, and little since a thousand messages may be in work at the same time. A large one is in memory as it came
	// and as the encrypted text of a class of copies, and what the goal for memory leaves is not enough for a third
	// form (docs/limits.md).
	keepSize = 16 << 10
)

// rendered is a body in the canonical form, in pieces. All but small ones alias the message, even those that have to be
// encoded, which happens when they are written: a large body is not in memory in two forms.
type rendered struct {
	pieces crypto.Payload
	small  []byte // what was added last, to become a piece
	kept   int    // octets of encoded pieces
}

// text adds a few octets.
func (r *rendered) text(s string) { r.small = append(r.small, s...) }

// crlf adds b with every bare LF turned into CRLF.
func (r *rendered) crlf(b []byte) {
	switch {
	case len(b) < aliasSize:
		if r.small = appendCRLF(r.small, b); len(r.small) >= copySize {
			r.endSmall()
		}
	case bytes.Count(b, []byte{'\n'}) == bytes.Count(b, []byte("\r\n")):
		r.endSmall()
		r.pieces = append(r.pieces, crypto.Octets(b))
	default:
		r.form(inCRLF(b))
	}
}

// form adds a part of the message that is encoded.
func (r *rendered) form(f form) {
	r.endSmall()
	piece, kept := newFormed(f, keepSize-r.kept)
	r.pieces = append(r.pieces, piece)
	r.kept += kept
}

func (r *rendered) endSmall() {
	if len(r.small) > 0 {
		r.pieces = append(r.pieces, crypto.Octets(r.small))
		r.small = nil
	}
}

// payload returns all that was added.
func (r *rendered) payload() crypto.Payload {
	r.endSmall()
	return r.pieces
}
