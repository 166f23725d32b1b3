package crypto

import (
	"bytes"
	"io"
	"math/bits"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// seipd2 writes the body of a version 2 SEIPD packet (RFC 9580, section 5.13.2), which the library makes and frames in
// pieces, of sizes of its own choice. GCM takes less time than the signature's hash there. OCB takes some twenty times as
// long, since the library has it in plain Go.
type seipd2 struct {
	io.WriteCloser
	body *unframed
}

// aeadChunk returns the size of the chunks for so many octets of data, in octets: the least that holds all of them, since
// memory is taken for a whole one, but no more than the library's default, which is in reach of all that hold chunks to
// 4 MiB.
func aeadChunk(n int64) int64 {
	const least, most = 1 << 6, 1 << 18
	if n <= least {
		return least
	}
	return min(int64(1)<<bits.Len64(uint64(n-1)), most)
}

// seipd2Size returns the number of octets of the body for so many octets of data.
func seipd2Size(n int64) int64 {
	const version, suite, salt, tag = 1, 3, 32, 16
	chunks := max(1, (n+aeadChunk(n)-1)/aeadChunk(n))
	return version + suite + salt + n + chunks*tag + tag
}

// newSEIPD2 returns a writer that has begun the body, for so many octets of data.
func newSEIPD2(w io.Writer, use packet.CipherSuite, key, salt []byte, n int64) (*seipd2, error) {
	cfg := &packet.Config{Rand: bytes.NewReader(salt), AEADConfig: &packet.AEADConfig{ChunkSize: uint64(aeadChunk(n))}}
	body := &unframed{w: w}
	plain, err := packet.SerializeSymmetricallyEncrypted(body, use.Cipher, true, use, key, cfg)
	if err != nil {
		return nil, err
	}
	return &seipd2{WriteCloser: plain, body: body}, nil
}

// Close ends the body. It does not close the writer below.
func (s *seipd2) Close() error {
	if err := s.WriteCloser.Close(); err != nil {
		return err
	}
	if !s.body.ended() {
		return errFraming
	}
	return nil
}
