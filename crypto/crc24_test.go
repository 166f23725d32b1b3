package crypto

import (
	"bytes"
	"testing"
)

// plainCRC24 follows RFC 9580, section 6.1.1, bit by bit.
func plainCRC24(crc uint32, p []byte) uint32 {
	for _, b := range p {
		crc ^= uint32(b) << 16
		for range 8 {
			crc <<= 1
			if crc&0x1000000 != 0 {
				crc ^= 0x1000000 | crc24Poly
			}
		}
	}
	return crc
}

func TestCRC24(t *testing.T) {
	// The check value of CRC-24/OPENPGP.
	if got := updateCRC24(crc24Init, []byte("123456789")); got != 0x21cf02 {
		t.Errorf("%06x", got)
	}
}

// FuzzCRC24 compares with the plain way, in one go, in two, and in two that are combined.
func FuzzCRC24(f *testing.F) {
	f.Add(uint32(crc24Init), []byte("123456789"), 4)
	f.Add(uint32(0), []byte{}, 0)
	f.Add(uint32(0xffffff), bytes.Repeat([]byte{0xff}, 100), 37)
	f.Add(uint32(1), make([]byte, 1000), 8)
	f.Fuzz(func(t *testing.T, crc uint32, p []byte, split int) {
		crc &= 0xffffff
		split = min(max(split, 0), len(p))
		want := plainCRC24(crc, p)
		if got := updateCRC24(crc, p); got != want {
			t.Errorf("%06x, want %06x", got, want)
		}
		first := updateCRC24(crc, p[:split])
		if got := updateCRC24(first, p[split:]); got != want {
			t.Errorf("%06x in two goes, want %06x", got, want)
		}
		if got := combineCRC24(first, updateCRC24(0, p[split:]), int64(len(p)-split)); got != want {
			t.Errorf("%06x combined, want %06x", got, want)
		}
	})
}

// TestCombineCRC24 has more octets than anybody wants to write out: zeros, of which a power of two is as good as its half
// twice.
func TestCombineCRC24(t *testing.T) {
	half := combineCRC24(crc24Init, 0, 1<<32-1)
	if got, want := combineCRC24(crc24Init, 0, 1<<33-2), combineCRC24(half, 0, 1<<32-1); got != want {
		t.Errorf("%06x, want %06x", got, want)
	}
	if got, want := combineCRC24(crc24Init, 0, 1<<20), plainCRC24(crc24Init, make([]byte, 1<<20)); got != want {
		t.Errorf("%06x, want %06x", got, want)
	}
}
