package crypto_test

import (
	"io"
	"testing"

	"sealmilter/crypto"
)

// swayingPiece breaks the promises of a piece: it has another size later on, or writes as many octets as it pleases.
type swayingPiece struct{ size, written int }

func (p *swayingPiece) Size() int64 { return int64(p.size) }

func (p *swayingPiece) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(make([]byte, p.written))
	return int64(n), err
}

// TestPayloadOfAnotherSize has the payload change between Encrypt and WriteTo, which must fail: the literal data packet says
// how long the payload was, so that what follows would be read as another packet, or as a part of the payload.
func TestPayloadOfAnotherSize(t *testing.T) {
	const before = 1000
	all := certs(append(readers(t), readers(t)...))
	for _, later := range []swayingPiece{
		{before, before - 1}, {before, before + 1}, {before, 0}, {before, 300_000},
		{before - 1, before - 1}, {before + 1, before + 1}, {0, 0}, {300_000, 300_000}, {before + 1, before - 1},
	} {
		for _, share := range []bool{false, true} {
			piece := &swayingPiece{before, before}
			copies, err := sealer().Encrypt(crypto.Payload{piece}, nil, all, crypto.EncryptOptions{Share: share})
			if err != nil {
				t.Fatal(err)
			}
			size := copies[0].Size()
			*piece = later
			for i, c := range copies {
				if n, err := c.WriteTo(io.Discard); err == nil {
					t.Errorf("%+v, shared %v: copy %d is written all the same, with %d octets", later, share, i, n)
				}
			}
			if again := copies[0].Size(); again != size {
				t.Errorf("%+v, shared %v: the size was %d octets and is %d", later, share, size, again)
			}
		}
	}
}
