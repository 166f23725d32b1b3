package pgpmime

import (
	"io"
	"iter"
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

// newFormed counts the octets.
func newFormed(f form) formed {
	p := formed{form: f}
	f(func(made []byte) bool {
		p.size += int64(len(made))
		return true
	})
	return p
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
