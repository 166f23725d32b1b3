package crypto

import (
	"bytes"
	"sync"
)

// Shelf is for the copies of one message. It has room for one encrypted data packet, that of the class of copies which is
// being written: who writes the copies class by class has each packet made once, and one at a time in memory. Its zero
// value is ready. It is safe for concurrent use.
type Shelf struct {
	mu      sync.Mutex
	all     []*data
	classes int

	kept   *data
	packet []byte
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
func (s *Shelf) get(d *data) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == d {
		return s.packet, nil
	}
	s.kept, s.packet = nil, nil
	packet := bytes.NewBuffer(make([]byte, 0, d.size()))
	if err := d.writeTo(packet); err != nil {
		return nil, err
	}
	s.kept, s.packet = d, packet.Bytes()
	return s.packet, nil
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
