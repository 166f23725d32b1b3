package milter

import (
	"bytes"
	"encoding/binary"

	lib "github.com/emersion/go-milter"
)

const frameHead = 5 // length and code

// bodyWriter sends a new body in pieces of at most [lib.MaxBodyChunk] octets, with CRLF turned into LF as both MTAs
// want it; the library's ReplaceBody sends any size at once and would miss a CRLF cut in two by its caller's pieces. A
// bare CR or LF is passed on.
type bodyWriter struct {
	send func([]byte) error
	// piece is one frame, its head left open.
	piece []byte
	// cr is a CR that waits for what follows it.
	cr   bool
	sent bool
}

func newBodyWriter(send func([]byte) error) *bodyWriter {
	return &bodyWriter{send: send, piece: make([]byte, frameHead, frameHead+lib.MaxBodyChunk)}
}

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

// put fills the piece, and sends it whenever it is full and more is to come.
func (w *bodyWriter) put(b []byte) error {
	for len(b) > 0 {
		if len(w.piece) == cap(w.piece) {
			if err := w.flush(); err != nil {
				return err
			}
		}
		n := min(len(b), cap(w.piece)-len(w.piece))
		w.piece = append(w.piece, b[:n]...)
		b = b[n:]
	}
	return nil
}

// close sends the rest. An empty body is one empty piece: without any the MTA would keep the old body.
func (w *bodyWriter) close() error {
	if w.cr {
		w.cr = false
		if err := w.put([]byte{'\r'}); err != nil {
			return err
		}
	}
	if w.sent && len(w.piece) == frameHead {
		return nil
	}
	return w.flush()
}

func (w *bodyWriter) flush() error {
	binary.BigEndian.PutUint32(w.piece, uint32(len(w.piece)-4))
	w.piece[4] = byte(lib.ActReplBody)
	err := w.send(w.piece)
	w.piece, w.sent = w.piece[:frameHead], true
	return err
}
