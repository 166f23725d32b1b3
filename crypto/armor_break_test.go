package crypto

import (
	"bytes"
	"testing"
)

// TestBreakLine ends a line early where the buffer is empty, nearly full and full: what follows is as in a block of its own.
func TestBreakLine(t *testing.T) {
	frame := armorFrame{label: armorMessage, eol: "\r\n", checksum: true}
	data := bytes.Repeat([]byte("0123456789abcdefg"), 1500)
	lines := func(b []byte) (text []byte, crc uint32) {
		var w bytes.Buffer
		e := frame.beginLines(&w, 100)
		e.encode(b)
		e.breakLine()
		e.flush()
		return w.Bytes(), e.crc
	}
	full := armorBuffer / 66 * 48
	for front := 0; front < full+150; front += 3 {
		if front == 300 {
			front = full - 150
		}
		first, _ := lines(data[:front])
		rest, crc := lines(data[front:])
		want := "-----BEGIN PGP MESSAGE-----\r\n\r\n" + string(first) + string(rest)
		for _, joined := range []bool{false, true} {
			var w bytes.Buffer
			e := frame.begin(&w, int64(len(data)))
			e.encode(data[:front])
			e.breakLine()
			if joined {
				e.flush()
				e.put(rest[:len(rest)/2])
				e.put(rest[len(rest)/2:])
				e.join(crc, int64(len(data)-front))
			} else {
				e.encode(data[front:])
			}
			e.finish()
			if got := w.String(); len(got) < len(want) || got[:len(want)] != want || e.n != frame.size(int64(front), int64(len(data)-front)) {
				t.Fatalf("%d octets in front, joined %v: another text of %d octets", front, joined, e.n)
			}
			if sum := updateCRC24(crc24Init, data); e.crc != sum {
				t.Fatalf("%d octets in front, joined %v: checksum %06x, not %06x", front, joined, e.crc, sum)
			}
		}
	}
}
