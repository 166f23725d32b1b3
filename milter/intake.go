package milter

import (
	"slices"
	"strconv"

	"sealmilter/internal/mail"
)

// intake is the body of a message on its way in.
type intake struct {
	// whole has what came first in one piece, once a fair part of the announced size is there; chunks have the rest. Of a
	// message that comes in the announced size, nothing has to be copied at its end, when it would be in memory twice.
	whole  []byte
	chunks [][]byte
	size   int // of the chunks in octets
}

// wants returns how many octets of room the next chunk of n octets is going to make, beyond its own, in a message of an
// announced size, 0 if there is none. A client that announces much and sends little is not worth more memory than four
// times of what it has sent.
func (b *intake) wants(n int, announced int64) int64 {
	size := int64(b.size + n)
	if b.whole != nil || size < announced/4 || size > announced {
		return 0
	}
	return announced - size
}

// fits reports whether there is room for a chunk of n octets already.
func (b *intake) fits(n int) bool { return len(b.chunks) == 0 && n <= cap(b.whole)-len(b.whole) }

// reserve makes room for more octets beyond those that are there and n to come.
func (b *intake) reserve(n int, more int64) {
	b.whole = append(make([]byte, 0, int64(b.size+n)+more), slices.Concat(b.chunks...)...)
	b.chunks, b.size = nil, 0
}

// settle gives up the room that is left, and returns how many octets that was.
func (b *intake) settle() int64 {
	left := cap(b.whole) - len(b.whole)
	b.whole = slices.Clip(b.whole)
	return int64(left)
}

// add keeps a chunk.
func (b *intake) add(chunk []byte) {
	if b.fits(len(chunk)) {
		b.whole = append(b.whole, chunk...)
		return
	}
	b.chunks, b.size = append(b.chunks, chunk), b.size+len(chunk)
}

// take returns all that was added, and forgets it.
func (b *intake) take() []byte {
	whole := b.whole
	switch {
	case len(whole) == 0 && len(b.chunks) == 1: // as all of a small message is
		whole = b.chunks[0]
	case len(b.chunks) > 0:
		whole = slices.Concat(append([][]byte{whole}, b.chunks...)...)
	}
	*b = intake{}
	return whole
}

// announcedSize returns how many octets the client says that the message has (RFC 1870, section 5), 0 if it does not say.
func announcedSize(args []string) int64 {
	value, _ := mail.Arg(args, "SIZE")
	size, err := strconv.ParseInt(value, 10, 64)
	if err != nil || size < 0 {
		return 0
	}
	return size
}
