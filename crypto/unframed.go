package crypto

import (
	"encoding/binary"
	"io"
)

// unframed writes the body of one data packet, of which it gets the type and the lengths of all pieces, too (RFC 9580,
// section 4.2.1).
type unframed struct {
	w io.Writer

	begun  bool
	left   int64  // octets of the piece
	last   bool   // no other piece follows this one
	length []byte // of the next piece, begun
}

// ended reports whether the packet is whole.
func (u *unframed) ended() bool { return u.last && u.left == 0 }

// Write takes a part of the packet.
func (u *unframed) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		switch {
		case !u.begun:
			if p[0] != 0xc0|tagSEIPD {
				return 0, errFraming
			}
			u.begun, p = true, p[1:]
		case u.left > 0:
			n := min(int64(len(p)), u.left)
			if _, err := u.w.Write(p[:n]); err != nil {
				return 0, err
			}
			u.left, p = u.left-n, p[n:]
		case u.last:
			return 0, errFraming
		default:
			u.length, p = append(u.length, p[0]), p[1:]
			u.readLength()
		}
	}
	return written, nil
}

// readLength begins a piece if its length is whole.
func (u *unframed) readLength() {
	l := u.length
	switch first := l[0]; {
	case first < 192:
		u.left, u.last = int64(first), true
	case first < 224 && len(l) == 2:
		u.left, u.last = int64(first-192)<<8+int64(l[1])+192, true
	case first >= 224 && first < 255:
		u.left = 1 << (first & 0x1f)
	case first == 255 && len(l) == 5:
		u.left, u.last = int64(binary.BigEndian.Uint32(l[1:])), true
	default:
		return
	}
	u.length = l[:0]
}
