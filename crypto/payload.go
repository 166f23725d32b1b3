package crypto

// Payload is what is signed and encrypted: octets in pieces that follow each other, so that what several payloads have in
// common need not be in memory for each.
type Payload [][]byte

// size is in octets.
func (p Payload) size() (n int64) {
	for _, piece := range p {
		n += int64(len(piece))
	}
	return n
}
