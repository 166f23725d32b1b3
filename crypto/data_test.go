package crypto

import (
	"bytes"
	"io"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// lying is a piece with more or fewer octets than it says.
type lying struct {
	Octets
	says int64
}

func (l lying) Size() int64 { return l.says }

// TestDataOfAnotherSize has a message that is not as long as its packet has said: that may not pass for a copy.
func TestDataOfAnotherSize(t *testing.T) {
	for _, use := range append(suites, suite{cipher: packet.CipherAES256}) {
		for _, says := range []int64{0, 99, 100, 101, 1 << 20} {
			m := message{lying{make(Octets, 100), says}}
			d, err := newData(m, use, bytes.NewReader(make([]byte, 100)))
			if err != nil {
				t.Fatal(err)
			}
			if err := d.writeBody(io.Discard); (err == nil) != (says == 100) {
				t.Errorf("%+v: 100 octets instead of %d: %v", use, says, err)
			}
		}
	}
}
