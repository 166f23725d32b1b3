package pgpmime

import (
	"io"
	"iter"

	"sealmilter/crypto"
)

// form is a part of the message in another encoding, a stretch at a time. It can be ranged over again, also concurrently,
// and is the same each time. A stretch is good until the next one.
type form iter.Seq[[]byte]

// stride is how many octets are encoded at once.
const stride = 64 << 10

// inCRLF has b with every bare LF turned into CRLF.
func inCRLF(b []byte) form {
	return func(yield func([]byte) bool) {
		made := make([]byte, 0, min(len(b), stride)*5/4)
		for octets := range strides(b) {
			if made = appendCRLF(made[:0], octets); !yield(made) {
				return
			}
		}
	}
}

// strides cuts octets at each stride, but never between CR and LF.
func strides(b []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for rest := b; len(rest) > 0; {
			n := min(len(rest), stride)
			if n < len(rest) && rest[n-1] == '\r' {
				n--
			}
			if !yield(rest[:n]) {
				return
			}
			rest = rest[n:]
		}
	}
}

// formed is a piece that gets its form whenever it is written, of which no more than a stretch is in memory.
type formed struct {
	form form
	size int64
}

// newFormed counts the octets, and returns them all if they are no more than keep: to encode them takes longer than to
// sign and encrypt them, and a message is read for its signature and for each class of copies.
func newFormed(f form, keep int) (piece crypto.Piece, kept int) {
	p := formed{form: f}
	var all []byte
	f(func(made []byte) bool {
		if p.size += int64(len(made)); p.size <= int64(keep) {
			all = append(all, made...)
		} else {
			all = nil
		}
		return true
	})
	if p.size <= int64(keep) {
		return crypto.Octets(all), len(all)
	}
	return p, 0
}

// Size is in octets.
func (p formed) Size() int64 { return p.size }

// WriteTo encodes what it writes.
func (p formed) WriteTo(w io.Writer) (total int64, err error) {
	p.form(func(made []byte) bool {
		var n int
		n, err = w.Write(made)
		total += int64(n)
		return err == nil
	})
	return total, err
}
