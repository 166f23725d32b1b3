package crypto

import "sync"

// Shelf is for the copies of one message. It has room for one armored text of an encrypted data packet, that of the class of
// copies which is being written: who writes the copies class by class has each text made once, and one at a time in memory.
// Its zero value is ready. It is safe for concurrent use.
type Shelf struct {
	mu      sync.Mutex
	all     []*data
	classes int

	kept *shelved
}

// shelved is a text that is made: the lines of a data packet without its first octets, and their checksum.
type shelved struct {
	of    *data
	phase int
	lines [][]byte // in pieces
	crc   uint32   // begun with 0
	users int      // who read it just now
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

// take returns a text, which replaces another one on the shelf, until it is given back. One that has to be made first
// is handed to its first reader piece by piece meanwhile, so that it is on its way while it is being encrypted; the
// others wait. It gets the memory of the other one if nobody reads that any more: what waits for the garbage collector
// while one class follows the other is in memory, too.
func (s *Shelf) take(d *data, phase int, first func(piece []byte)) (text *shelved, handed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil || s.kept.of != d || s.kept.phase != phase {
		p := pieces{left: d.frame().linesSize(d.size() - int64(phase)), whole: first}
		if s.kept != nil && s.kept.users == 0 {
			p.free = s.kept.lines
		}
		s.kept = nil
		crc, err := d.writeLines(&p, phase)
		if err != nil {
			return nil, false, err
		}
		s.kept, handed = &shelved{of: d, phase: phase, lines: p.all, crc: crc}, true
	}
	s.kept.users++
	return s.kept, handed, nil
}

// give ends the use of a text.
func (s *Shelf) give(text *shelved) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text.users--
}

// pieceSize is in octets. A text that comes into being piece by piece lets the memory of others be used again meanwhile.
const pieceSize = 256 << 10

// pieces keeps what is written to it.
type pieces struct {
	all  [][]byte
	free [][]byte // to be used first, in place of new memory
	left int64    // octets to come
	// whole is called with each piece when nothing is added to it any more.
	whole func([]byte)
}

// Write keeps a copy of b.
func (p *pieces) Write(b []byte) (int, error) {
	written := len(b)
	for len(b) > 0 {
		last := len(p.all) - 1
		if last < 0 || len(p.all[last]) == cap(p.all[last]) {
			p.all = append(p.all, p.room())
			last++
		}
		piece := p.all[last]
		n := min(len(b), cap(piece)-len(piece))
		p.all[last], b, p.left = append(piece, b[:n]...), b[n:], p.left-int64(n)
		if p.left == 0 || len(p.all[last]) == cap(piece) {
			p.whole(p.all[last])
		}
	}
	return written, nil
}

// room returns a piece to be filled.
func (p *pieces) room() []byte {
	if len(p.free) == 0 {
		return make([]byte, 0, max(1, min(pieceSize, p.left)))
	}
	piece := p.free[0]
	p.free = p.free[1:]
	return piece[:0]
}

// Clear forgets the session keys of all copies, and what is kept for them. No copy may be in the middle of being written;
// none can be afterwards.
func (s *Shelf) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.all {
		d.clear()
	}
	s.all, s.kept = nil, nil
}
