package milter

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	lib "github.com/emersion/go-milter"
)

// What the library has no name for.
const (
	codeUnknown lib.Code       = 'U' // SMFIC_UNKNOWN
	actProgress lib.ActionCode = 'p' // SMFIR_PROGRESS
)

// maxFrame limits code and data of a frame in octets, as the library does.
const maxFrame = 1 << 20

var errFrame = errors.New("not a milter frame")

// frame is one packet as it is on the wire: the length of the rest in 4 octets, big endian, then the code and the data.
type frame []byte

func (f frame) code() lib.Code { return lib.Code(f[4]) }

func (f frame) data() []byte { return f[5:] }

// readFrame returns io.EOF only between two frames.
func readFrame(r io.Reader) (frame, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n == 0 || n > maxFrame {
		return nil, fmt.Errorf("%w: its length is %d, not 1 to %d", errFrame, n, maxFrame)
	}
	f := make(frame, 4+n)
	copy(f, length[:])
	if _, err := io.ReadFull(r, f[4:]); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return f, nil
}

// isBuffered reports whether a whole frame is there to be read without waiting.
func isBuffered(r *bufio.Reader) bool {
	if r.Buffered() < 4 {
		return false
	}
	length, err := r.Peek(4)
	return err == nil && int64(r.Buffered()) >= 4+int64(binary.BigEndian.Uint32(length))
}

// appendFrame appends the frame of code and data.
func appendFrame[C ~byte](b []byte, code C, data string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(1+len(data)))
	b = append(b, byte(code))
	return append(b, data...)
}
