package crypto

import "io"

// Piece is octets whose number is known before they are written. A piece may be made on its way, and need not be in memory.
type Piece interface {
	// WriteTo writes the same octets each time, and fails only if w does. It may be called concurrently.
	io.WriterTo
	// Size returns the number of octets that WriteTo writes.
	Size() int64
}

// Payload is what is signed and encrypted: pieces that follow each other, so that what several payloads have in common need
// not be in memory for each. It is a piece itself.
type Payload []Piece

// Size returns the size of all pieces.
func (p Payload) Size() (n int64) {
	for _, piece := range p {
		n += piece.Size()
	}
	return n
}

// WriteTo writes all pieces.
func (p Payload) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for _, piece := range p {
		n, err := piece.WriteTo(w)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// Octets is a piece that is in memory. They must not change while a payload has them. Unlike a [bytes.Reader] it can be
// written again.
type Octets []byte

// Size returns their number.
func (o Octets) Size() int64 { return int64(len(o)) }

// WriteTo writes the octets at once.
func (o Octets) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(o)
	return int64(n), err
}
