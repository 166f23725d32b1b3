package crypto

import "sync"

// Shelf is for the copies of one message. It has room for one encrypted data packet, that of the class of copies which is
// being written: who writes the copies class by class has each packet made once, and one at a time in memory. Its zero
// value is ready. It is safe for concurrent use.
type Shelf struct {
	mu      sync.Mutex
	all     []*data
	classes int

	kept   *data
	packet [][]byte
}

// add makes the shelf responsible for a data packet.
func (s *Shelf) add(d *data) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, d)
}

// newClass returns the number of a class, beginning with 1.
func (s *Shelf) newClass() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.classes++
	return s.classes
}

// get returns a packet, which replaces another one on the shelf.
func (s *Shelf) get(d *data) ([][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == d {
		return s.packet, nil
	}
	s.kept, s.packet = nil, nil
	p := pieces{left: d.size()}
	if err := d.writeTo(&p); err != nil {
		return nil, err
	}
	s.kept, s.packet = d, p.all
	return s.packet, nil
}

// pieceSize is in octets. A packet that comes into being piece by piece lets the memory of others be used again meanwhile.
const pieceSize = 256 << 10

// pieces keeps what is written to it.
type pieces struct {
	all  [][]byte
	left int64 // octets to come
}

// Write keeps a copy of b.
func (p *pieces) Write(b []byte) (int, error) {
	written := len(b)
	for len(b) > 0 {
		last := len(p.all) - 1
		if last < 0 || len(p.all[last]) == cap(p.all[last]) {
			p.all = append(p.all, make([]byte, 0, max(1, min(pieceSize, p.left))))
			last++
		}
		piece := p.all[last]
		n := min(len(b), cap(piece)-len(piece))
		p.all[last], b, p.left = append(piece, b[:n]...), b[n:], p.left-int64(n)
	}
	return written, nil
}

// Clear forgets the session keys of all copies, and what is kept for them. No copy may be in the middle of being written;
// none can be afterwards.
func (s *Shelf) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.all {
		d.clear()
	}
	s.all, s.kept, s.packet = nil, nil, nil
}
