package pgpmime

import (
	"bytes"
	"slices"

	"sealmilter/crypto"
)

const (
	// pieceSize is the least room that is made at once. A body that comes into being piece by piece lets the memory of
	// others be used again meanwhile.
	pieceSize = 256 << 10
	// stride is how much of a body is encoded at once.
	stride = 64 << 10
	// aliasSize is the least that is not copied. Both are in octets.
	aliasSize = 4 << 10
)

// rendered is a body in the canonical form, in pieces. Those that are as they were alias the message.
type rendered struct {
	// size is that of the message; pieces of its own are not larger than it may need.
	size    int
	pieces  crypto.Payload
	own     []bool // the piece aliases nothing
	aliased int    // octets
}

// room returns the last piece if it has room for n octets, or a new one that has.
func (r *rendered) room(n int) *[]byte {
	last := len(r.pieces) - 1
	if last < 0 || !r.own[last] || cap(r.pieces[last])-len(r.pieces[last]) < n {
		r.pieces, r.own = append(r.pieces, make([]byte, 0, max(n, min(pieceSize, r.size+r.size/2)))), append(r.own, true)
		last++
	}
	return &r.pieces[last]
}

// text adds a few octets.
func (r *rendered) text(s string) {
	piece := r.room(len(s))
	*piece = append(*piece, s...)
}

// crlf adds b with every bare LF turned into CRLF.
func (r *rendered) crlf(b []byte) {
	if len(b) >= aliasSize && bytes.Count(b, []byte{'\n'}) == bytes.Count(b, []byte("\r\n")) {
		r.pieces, r.own = append(r.pieces, b), append(r.own, false)
		r.aliased += len(b)
		return
	}
	for octets := range strides(b) {
		piece := r.room(2 * len(octets))
		*piece = appendCRLF(*piece, octets)
	}
}

// quoted adds what encode, which knows quoted-printable, makes of b. It gets whole lines.
func (r *rendered) quoted(b []byte, encode func(dst, text []byte) []byte) {
	for len(b) > 0 {
		n := len(b)
		if n > stride {
			if end := bytes.IndexByte(b[stride:], '\n'); end >= 0 {
				n = stride + end + 1
			}
		}
		size := quotedSize(b[:n])
		piece := r.room(size + size/20) // for soft line ends
		*piece = encode(*piece, b[:n])
		b = b[n:]
	}
}

// strides cuts octets at each stride, but never between CR and LF.
func strides(b []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			n := min(len(b), stride)
			if n < len(b) && b[n-1] == '\r' {
				n--
			}
			if !yield(b[:n]) {
				return
			}
			b = b[n:]
		}
	}
}

// base64 adds octets in base64.
func (r *rendered) base64(b []byte) {
	for octets := range slices.Chunk(b, stride-stride%octetsPerLine) {
		r.base64Lines(octets)
	}
}

// base64Text adds lines in base64, in which they end in CRLF (RFC 2045, section 6.8).
func (r *rendered) base64Text(b []byte) {
	var rest []byte
	for octets := range strides(b) {
		rest = appendCRLF(rest, octets)
		whole := len(rest) - len(rest)%octetsPerLine
		r.base64Lines(rest[:whole])
		rest = append(rest[:0], rest[whole:]...)
	}
	r.base64Lines(rest)
}

func (r *rendered) base64Lines(octets []byte) {
	piece := r.room(base64Size(len(octets)))
	*piece = appendBase64(*piece, octets)
}

// rewrapped adds a base64 body in new lines.
func (r *rendered) rewrapped(b []byte) {
	column := 0
	for text := range slices.Chunk(b, stride) {
		piece := r.room(base64Size(len(text)))
		*piece, column = appendRewrapped(*piece, text, column)
	}
	if column > 0 {
		r.text("\r\n")
	}
}

// settle returns the pieces. Where they alias less than three quarters of the message, they are made to alias none of it,
// so that it need not stay in memory for the sake of them.
func (r *rendered) settle() crypto.Payload {
	if r.aliased > 0 && r.aliased < r.size-r.size/4 {
		for i, own := range r.own {
			if !own {
				r.pieces[i] = bytes.Clone(r.pieces[i])
			}
		}
	}
	return r.pieces
}
