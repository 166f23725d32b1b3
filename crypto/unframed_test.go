package crypto

import (
	"bytes"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// FuzzUnframed compares with the library's reader of packets.
func FuzzUnframed(f *testing.F) {
	f.Add([]byte("\xd2\x03\x01ab"), 1)
	f.Add([]byte("\xd2\xc0\x00\x01"+string(make([]byte, 191))), 3)
	f.Add([]byte("\xd2\xe1\x01ab"), 2)
	f.Add([]byte("\xd2\xe9\x01"+string(make([]byte, 511))+"\x02ab"), 5)
	f.Add([]byte("\xd2\xff\x00\x00\x00\x02\x01a"), 4)
	f.Add([]byte("\xd2\xff\x00\x00"), 1)
	f.Add([]byte("\xd3\x01a"), 1)
	f.Fuzz(func(t *testing.T, stream []byte, piece int) {
		piece = min(max(piece, 1), len(stream)+1)
		var got bytes.Buffer
		u := &unframed{w: &got}
		var err error
		for rest := stream; len(rest) > 0 && err == nil; {
			n := min(piece, len(rest))
			_, err = u.Write(rest[:n])
			rest = rest[n:]
		}
		if err != nil || !u.ended() {
			return
		}
		whole := rawPacket{tag: tagSEIPD, body: got.Bytes()}
		in := packet.NewOpaqueReader(bytes.NewReader(stream))
		p, err := in.Next()
		if err != nil || p.Tag != tagSEIPD || !bytes.Equal(p.Contents, whole.body) {
			t.Fatalf("%x became %x, the library reads %v %v", stream, whole.body, p, err)
		}
		if _, err := in.Next(); err == nil {
			t.Fatalf("%x has a second packet", stream)
		}
	})
}
