package lab

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
)

// Screening is one message as an MTA showed it to a [Filter].
type Screening struct {
	// From and To are the arguments of MAIL FROM and of each RCPT TO, octet for octet and without parameters.
	From string
	To   []string
	// Header and Body are the message's, without the empty line between them. Lines of the header end in CRLF.
	Header, Body []byte
}

// Filter is a milter that keeps what it is shown, as a spam or virus filter would see it. It changes nothing but what
// it is told to. Its methods are safe for concurrent use.
//
// A milter library would hide what is looked at here: the octets and their order.
type Filter struct {
	// Addr is where MTAs find it, "127.0.0.1:port".
	Addr string

	server *Server

	mu         sync.Mutex
	screenings []Screening
	fields     []string
	refusal    string
}

// StartFilter starts a filter. The caller closes it.
func StartFilter() (*Filter, error) {
	f := &Filter{}
	var err error
	if f.server, err = StartServer("tcp", anyPort, f.serve); err != nil {
		return nil, fmt.Errorf("start a filter: %w", err)
	}
	f.Addr = f.server.Addr
	return f, nil
}

// Close ends all connections and forgets nothing.
func (f *Filter) Close() error { return f.server.Close() }

// Add makes the filter add these fields, such as "X-Spam-Status: No", and no others to every message from now on.
func (f *Filter) Add(fields ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fields = fields
}

// Refuse makes the filter answer the end of every message with a reply such as "451 4.7.1 Not now". The empty reply
// lifts it.
func (f *Filter) Refuse(reply string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refusal = reply
}

// Screenings returns the messages that were shown to the end, in order.
func (f *Filter) Screenings() []Screening {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.screenings)
}

// end keeps a message and returns the frames that answer its end.
func (f *Filter) end(s Screening) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.screenings = append(f.screenings, s)
	if f.refusal != "" {
		return milterFrame('y', f.refusal+"\x00")
	}
	var frames []byte
	for _, field := range f.fields {
		name, value, _ := strings.Cut(field, ":")
		frames = append(frames, milterFrame('h', name+"\x00"+value+"\x00")...)
	}
	return append(frames, milterFrame('c', "")...)
}

// serve speaks the milter protocol, version 6, with one MTA.
func (f *Filter) serve(conn net.Conn) {
	var s Screening
	for {
		code, data, err := readMilterFrame(conn)
		if err != nil {
			return
		}
		answer := milterFrame('c', "")
		switch code {
		case 'O':
			answer = milterFrame('O', milterOptions(data))
		case 'D', 'A', 'K': // macros, the end of a transaction, the next client: none is answered
			answer = nil
			if code != 'D' {
				s = Screening{}
			}
		case 'M':
			s = Screening{From: firstString(data)}
		case 'R':
			s.To = append(s.To, firstString(data))
		case 'L':
			name, value, _ := strings.Cut(string(bytes.TrimSuffix(data, []byte{0})), "\x00")
			s.Header = fmt.Appendf(s.Header, "%s:%s\r\n", name, strings.ReplaceAll(value, "\n", "\r\n"))
		case 'B':
			s.Body = append(s.Body, data...)
		case 'E':
			s.Body = append(s.Body, data...)
			answer = f.end(s)
		case 'Q':
			return
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

// milterOptions answers an offer of version, actions and steps: the filter adds fields, and wants every step and the
// white space at the front of values.
func milterOptions(offer []byte) string {
	const version, addFields, leadingSpace = 6, 1, 0x100000
	if len(offer) < 12 {
		offer = make([]byte, 12)
	}
	answer := binary.BigEndian.AppendUint32(nil, min(version, binary.BigEndian.Uint32(offer)))
	answer = binary.BigEndian.AppendUint32(answer, addFields)
	answer = binary.BigEndian.AppendUint32(answer, leadingSpace&binary.BigEndian.Uint32(offer[8:]))
	return string(answer)
}

// firstString returns the octets before the first NUL: a command's argument without its parameters.
func firstString(data []byte) string {
	first, _, _ := bytes.Cut(data, []byte{0})
	return string(first)
}

func milterFrame(code byte, data string) []byte {
	frame := binary.BigEndian.AppendUint32(nil, uint32(1+len(data)))
	return append(append(frame, code), data...)
}

func readMilterFrame(in io.Reader) (code byte, data []byte, err error) {
	var length [4]byte
	if _, err := io.ReadFull(in, length[:]); err != nil {
		return 0, nil, err
	}
	const most = 1 << 20
	n := binary.BigEndian.Uint32(length[:])
	if n == 0 || n > most {
		return 0, nil, fmt.Errorf("a milter frame of %d octets", n)
	}
	frame := make([]byte, n)
	if _, err := io.ReadFull(in, frame); err != nil {
		return 0, nil, err
	}
	return frame[0], frame[1:], nil
}
