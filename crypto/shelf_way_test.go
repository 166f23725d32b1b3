package crypto_test

import (
	"errors"
	"io"
	"testing"

	"sealmilter/crypto"
)

// watched is a piece that tells when it is about to be written.
type watched struct {
	crypto.Octets
	before func()
}

func (w watched) WriteTo(to io.Writer) (int64, error) {
	w.before()
	return w.Octets.WriteTo(to)
}

// TestFirstCopyIsOnItsWay has the first copy of a class written while its text is being encrypted, also if that copy
// goes wrong.
func TestFirstCopyIsOnItsWay(t *testing.T) {
	all := generateMany(t, 3)
	var way counted
	var already []int
	payload := crypto.Payload{crypto.Octets(make([]byte, 1<<20)), watched{make(crypto.Octets, 100), func() { already = append(already, way.octets) }}}
	for _, room := range []int{1 << 30, 300_000} {
		way, already = counted{room: room}, nil
		copies, err := sealer().Encrypt(payload, nil, all, crypto.EncryptOptions{Share: true})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := copies[0].WriteTo(&way); errors.Is(err, errFull) != (room < 1<<20) {
			t.Errorf("room for %d octets: %v", room, err)
		}
		if len(already) != 1 || already[0] < 256<<10 {
			t.Errorf("room for %d octets: when the end of the message was encrypted, %d octets were written", room, already)
		}
		for _, c := range copies[1:] {
			text := armored(t, c)
			if int64(len(text)) != c.Size() {
				t.Errorf("another copy has %d octets, not %d", len(text), c.Size())
			}
			wantTidyArmor(t, text, true)
		}
		if len(already) != 1 {
			t.Errorf("the message was encrypted %d times", len(already))
		}
	}
}

// counted takes as many octets as it has room for.
type counted struct{ octets, room int }

func (c *counted) Write(p []byte) (int, error) {
	n := min(len(p), c.room-c.octets)
	c.octets += n
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}
