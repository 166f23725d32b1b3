package milter_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"

	"sealmilter/internal/mail"
	"sealmilter/milter"
)

// FuzzServer sends what the fuzzer likes at once, alone or behind a negotiation. Whatever it is, the server comes to an
// end, does not panic, answers in packets of the protocol, and calls Message no more often than whole messages were sent.
func FuzzServer(f *testing.F) {
	whole := frames('M', "<a@example.org>\x00", 'R', "<b@example.org>\x00", 'L', "From\x00 a@example.org\x00", 'N', "", 'B', "text", 'E', "")
	f.Add(true, whole)
	f.Add(true, append(whole, whole...))
	f.Add(true, whole[:len(whole)-3])
	f.Add(true, frames('D', "Ci\x001\x00", 'C', "x\x004\x00\x19192.0.2.7\x00", 'H', "x\x00", 'U', "x\x00", 'K', "", 'A', "", 'T', "", 'Q', ""))
	f.Add(true, frames('M', "<>\x00SIZE=1\x00", 'R', "<a@b@c>\x00", 'R', "<b@example.org>\x00", 'A', "", 'N', "", 'E', ""))
	f.Add(false, frames('O', "\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff"))
	f.Add(false, []byte{0, 0, 0, 0})
	l, err := net.Listen("unix", filepath.Join(f.TempDir(), "s"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { l.Close() })
	f.Fuzz(func(t *testing.T, negotiated bool, b []byte) {
		if negotiated {
			b = append(frames('O', "\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xff\xff"), b...)
		}
		var calls atomic.Int64
		// Handlers may outlive their connection, so each has a server that waits for them.
		server := &milter.Server{
			Log:        slog.New(slog.DiscardHandler),
			MaxMessage: 1 << 16,
			Begin: always(handler{message: func(_ context.Context, m *mail.Message) (*mail.Edit, error) {
				calls.Add(1)
				if len(m.Envelope.Recipients) == 0 {
					t.Error("a message without recipients")
				}
				return &mail.Edit{Header: mail.Header{}, Body: m.Header}, nil
			}}),
		}
		c, err := net.Dial("unix", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		accepted, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		board := &switchboard{calls: make(chan net.Conn), closed: make(chan struct{})}
		go server.Serve(board)
		board.calls <- accepted
		go func() {
			c.Write(b) // fails if the server has had enough
			c.(*net.UnixConn).CloseWrite()
		}()
		answers, _ := io.ReadAll(c) // until the server hangs up
		if err := server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if rest := notPackets(answers); rest != "" {
			t.Errorf("answered with %q", rest)
		}
		if got, most := calls.Load(), wholeMessages(b); got > most {
			t.Errorf("%d messages out of %d", got, most)
		}
	})
}

// notPackets returns what follows the packets of a milter.
func notPackets(b []byte) string {
	for len(b) >= 5 {
		length := int64(binary.BigEndian.Uint32(b))
		if length == 0 || length > int64(len(b)-4) || !bytes.ContainsRune([]byte("Ocadyspb-mh"), rune(b[4])) {
			break
		}
		b = b[4+length:]
	}
	return string(b)
}

// frames makes frames of codes and data in turn.
func frames(pairs ...any) []byte {
	var b []byte
	for i := 0; i < len(pairs); i += 2 {
		b = append(b, rawFrame(byte(pairs[i].(rune)), pairs[i+1].(string))...)
	}
	return b
}

// wholeMessages counts the ends of messages that have MAIL, RCPT and the end of the header before them, in this order.
func wholeMessages(b []byte) int64 {
	n, state := int64(0), byte('E')
	for len(b) >= 5 {
		length := int64(binary.BigEndian.Uint32(b))
		if length == 0 || length > int64(len(b)-4) {
			break
		}
		switch code := b[4]; code {
		case 'M':
			state = 'M'
		case 'A', 'K':
			state = 'E'
		case 'R':
			if state == 'M' {
				state = 'R'
			}
		case 'N':
			if state == 'R' {
				state = 'N'
			}
		case 'E':
			if state == 'N' {
				n++
			}
			state = 'E'
		}
		b = b[4+length:]
	}
	return n
}
