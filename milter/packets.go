package milter

import (
	"sync"

	lib "github.com/emersion/go-milter"
)

const (
	frameHead = 5 // length and code
	// mostPacket is the largest packet of a new body.
	mostPacket = frameHead + lib.MaxBodyChunk
	// gathered is how much is sent at once: a whole piece of a body, behind all changes of an ordinary header.
	gathered = mostPacket + 8<<10
)

// packets gathers the packets of an answer, so that the MTA is woken once for all changes to a small message.
type packets struct {
	send func([]byte) error
	b    []byte // never grows beyond its capacity
}

// buffers are for packets. One is in use only while an answer is made, so that idle connections have none.
type buffers struct{ pool sync.Pool }

func (p *buffers) packets(send func([]byte) error) *packets {
	b, ok := p.pool.Get().(*[gathered]byte)
	if !ok {
		b = new([gathered]byte)
	}
	return &packets{send: send, b: b[:0]}
}

// release takes the buffer back, and forgets what has not been sent.
func (p *buffers) release(out *packets) {
	p.pool.Put((*[gathered]byte)(out.b[:gathered]))
	out.b = nil
}

// add takes whole packets.
func (p *packets) add(b []byte) error {
	if len(b) > cap(p.b)-len(p.b) {
		if err := p.flush(); err != nil {
			return err
		}
	}
	if len(b) > cap(p.b) {
		return p.send(b)
	}
	p.b = append(p.b, b...)
	return nil
}

// flush sends what there is.
func (p *packets) flush() error {
	if len(p.b) == 0 {
		return nil
	}
	err := p.send(p.b)
	p.b = p.b[:0]
	return err
}
