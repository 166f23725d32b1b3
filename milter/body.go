package milter

import (
	"bytes"
	"encoding/binary"

	lib "github.com/emersion/go-milter"
)

// bodyWriter makes packets of a new body, with at most [lib.MaxBodyChunk] octets each and with CRLF turned into LF as both
// MTAs want it; the library's ReplaceBody sends any size at once and would miss a CRLF cut in two by its caller's pieces. A
// bare CR or LF is passed on.
type bodyWriter struct {
	out *packets
	// piece is where the packet begins in out that is not whole yet, its head left open; -1 if there is none.
	piece int
	// cr is a CR that waits for what follows it.
	cr   bool
	some bool // there was a piece
}

func newBodyWriter(out *packets) *bodyWriter { return &bodyWriter{out: out, piece: -1} }

func (w *bodyWriter) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		if w.cr && p[0] != '\n' {
			if err := w.put([]byte{'\r'}); err != nil {
				return 0, err
			}
		}
		var text []byte
		text, p, w.cr = bytes.Cut(p, []byte{'\r'})
		if err := w.put(text); err != nil {
			return 0, err
		}
	}
	return written, nil
}

// put fills the piece, and begins another one whenever it is full and more is to come.
func (w *bodyWriter) put(b []byte) error {
	for len(b) > 0 {
		if w.piece >= 0 && len(w.out.b)-w.piece == mostPacket {
			w.end()
		}
		if w.piece < 0 {
			if err := w.begin(); err != nil {
				return err
			}
		}
		n := min(len(b), mostPacket-(len(w.out.b)-w.piece))
		w.out.b = append(w.out.b, b[:n]...)
		b = b[n:]
	}
	return nil
}

// close ends the last piece. An empty body is one empty piece: without any the MTA would keep the old body.
func (w *bodyWriter) close() error {
	if w.cr {
		w.cr = false
		if err := w.put([]byte{'\r'}); err != nil {
			return err
		}
	}
	if !w.some {
		if err := w.begin(); err != nil {
			return err
		}
	}
	if w.piece >= 0 {
		w.end()
	}
	return nil
}

// begin makes room for a whole piece.
func (w *bodyWriter) begin() error {
	if cap(w.out.b)-len(w.out.b) < mostPacket {
		if err := w.out.flush(); err != nil {
			return err
		}
	}
	w.piece, w.some = len(w.out.b), true
	w.out.b = append(w.out.b, make([]byte, frameHead)...)
	return nil
}

func (w *bodyWriter) end() {
	head := w.out.b[w.piece:]
	binary.BigEndian.PutUint32(head, uint32(len(head)-4))
	head[4] = byte(lib.ActReplBody)
	w.piece = -1
}
