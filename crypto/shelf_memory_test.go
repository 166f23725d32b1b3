package crypto

import (
	"bytes"
	"crypto/rand"
	"slices"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// TestMemoryOfAText has texts of several sizes follow each other on the shelf: one gets the memory of the one before,
// but not while that is being read.
func TestMemoryOfAText(t *testing.T) {
	sized := func(n int) *data {
		d, err := newData(message{Octets(make([]byte, n))}, suite{cipher: packet.CipherAES256}, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	want := func(d *data) []byte {
		var b bytes.Buffer
		if _, err := d.writeLines(&b, 0); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for _, tc := range []struct{ first, second int }{
		{0, 0}, {1, pieceSize}, {3 * pieceSize, 3 * pieceSize}, {3 * pieceSize, 10}, {10, 3 * pieceSize}, {2*pieceSize + 5, 3*pieceSize - 5},
	} {
		for _, read := range []bool{false, true} {
			var shelf Shelf
			take := func(d *data) *shelved {
				var got []byte
				p, handed, err := shelf.take(d, 0, func(piece []byte) { got = append(got, piece...) })
				if err != nil {
					t.Fatal(err)
				}
				if handed && !bytes.Equal(got, want(d)) || !handed && got != nil {
					t.Errorf("%+v, read %v: handed over %v, and %d octets", tc, read, handed, len(got))
				}
				if !bytes.Equal(slices.Concat(p.lines...), want(d)) {
					t.Errorf("%+v, read %v: the text is another one", tc, read)
				}
				return p
			}
			first, second := sized(tc.first), sized(tc.second)
			before := take(first)
			shelf.give(take(first))
			if !read {
				shelf.give(before)
			}
			after := take(second)
			if same := &before.lines[0][0] == &after.lines[0][0]; same == read {
				t.Errorf("%+v, read %v: the memory is the same: %v", tc, read, same)
			}
			if read && !bytes.Equal(slices.Concat(before.lines...), want(first)) {
				t.Errorf("%+v: the text that is being read has changed", tc)
			}
		}
	}
}
