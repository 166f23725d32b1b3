package scripted

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrProtocol is wrapped by every error about a milter that does not keep to the protocol.
var ErrProtocol = errors.New("the milter breaks the protocol")

// ErrHungUp is wrapped by the error about a milter that has closed the connection where an answer was due, or in the
// middle of one.
var ErrHungUp = errors.New("the milter has hung up")

func violation(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrProtocol, fmt.Sprintf(format, args...))
}

// Limits of what a milter may send, in octets of data.
const (
	maxPiece  = 65535 // of a body in either direction (MILTER_CHUNK_SIZE)
	maxPacket = 1 << 20
)

// packet is one unit on the wire: a length in 4 octets, big endian, that counts code and data; the code; the data.
type packet struct {
	code byte
	data []byte
}

func (p packet) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(1+len(p.data)))
	b = append(b, p.code)
	return append(b, p.data...)
}

func readPacket(r io.Reader) (packet, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return packet{}, readError(err)
	}
	n := binary.BigEndian.Uint32(length[:])
	if n == 0 || n > 1+maxPacket {
		return packet{}, violation("a packet of %d octets", n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return packet{}, readError(err)
	}
	return packet{b[0], b[1:]}, nil
}

func readError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = ErrHungUp
	}
	return fmt.Errorf("read a packet: %w", err)
}

// strings returns data as n strings, each ended by NUL, with nothing behind them.
func (p packet) strings(n int) ([]string, error) {
	var all []string
	start := 0
	for i, c := range p.data {
		if c == 0 {
			all = append(all, string(p.data[start:i]))
			start = i + 1
		}
	}
	if len(all) != n || start != len(p.data) {
		return nil, violation("%c %.60q is not %d strings that end in NUL", p.code, p.data, n)
	}
	return all, nil
}

// terminated returns strings as the protocol has them: each ended by NUL.
func terminated(words ...string) []byte {
	var b []byte
	for _, w := range words {
		b = append(append(b, w...), 0)
	}
	return b
}
