package scripted

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// patience is how long a milter may take for one packet. It only ends a test that would hang.
const patience = 5 * time.Minute

// Conn is the MTA's end of a connection to a milter. It holds the milter to the protocol, not the caller: events may come
// in any order. Its errors wrap [ErrProtocol], [ErrHungUp] or those of the connection, and after one it is of no more use
// but to be closed. One goroutine uses it.
type Conn struct {
	// ProgressAnytime lets the milter send progress packets before the end of message, too, as Postfix does.
	ProgressAnytime bool

	conn   net.Conn
	in     *bufio.Reader
	agreed Terms
	chosen map[byte][]string // the macros that the milter has chosen, by event
}

// Negotiate begins a connection with an offer. The caller closes conn if that fails.
func Negotiate(conn net.Conn, offer Terms) (*Conn, error) {
	c := &Conn{conn: conn, in: bufio.NewReader(conn)}
	data := binary.BigEndian.AppendUint32(nil, offer.Version)
	data = binary.BigEndian.AppendUint32(data, offer.Actions)
	data = binary.BigEndian.AppendUint32(data, offer.Steps)
	if err := c.send('O', data); err != nil {
		return nil, err
	}
	p, err := c.receive()
	if err != nil {
		return nil, err
	}
	c.agreed, c.chosen, err = agree(offer, p)
	return c, err
}

// Chosen returns the names of the macros that the milter wants with an event, and whether it has chosen any.
func (c *Conn) Chosen(event byte) ([]string, bool) {
	names, found := c.chosen[event]
	return names, found
}

// Macros sends names and values for the event that follows.
func (c *Conn) Macros(event byte, pairs ...string) error {
	return c.send('D', append([]byte{event}, terminated(pairs...)...))
}

// Connect tells of a client by the name of its host.
func (c *Conn) Connect(host string, client netip.AddrPort) (Answer, error) {
	data := terminated(host)
	if !client.IsValid() {
		return c.event('C', append(data, 'U'))
	}
	family := byte('4')
	if client.Addr().Is6() {
		family = '6'
	}
	data = binary.BigEndian.AppendUint16(append(data, family), client.Port())
	return c.event('C', append(data, terminated(client.Addr().String())...))
}

// Helo tells the client's name for itself.
func (c *Conn) Helo(name string) (Answer, error) { return c.event('H', terminated(name)) }

// Mail begins a message. The path is the argument of MAIL FROM as the client wrote it.
func (c *Conn) Mail(path string, args ...string) (Answer, error) {
	return c.event('M', terminated(append([]string{path}, args...)...))
}

// Rcpt names a recipient, as Mail names the sender.
func (c *Conn) Rcpt(path string, args ...string) (Answer, error) {
	return c.event('R', terminated(append([]string{path}, args...)...))
}

// Data tells of the command DATA.
func (c *Conn) Data() (Answer, error) { return c.event('T', nil) }

// Unknown tells of a command that the MTA does not know.
func (c *Conn) Unknown(command string) (Answer, error) { return c.event('U', terminated(command)) }

// Field shows one field. Its value has LF between its lines, and all that follows the colon.
func (c *Conn) Field(name, value string) (Answer, error) {
	if c.agreed.Steps&LeadingSpace == 0 {
		value = strings.TrimPrefix(value, " ")
	}
	return c.event('L', terminated(name, value))
}

// EndOfHeader tells that no more fields come.
func (c *Conn) EndOfHeader() (Answer, error) { return c.event('N', nil) }

// Body shows a piece of the body, of at most 65535 octets.
func (c *Conn) Body(piece []byte) (Answer, error) { return c.event('B', piece) }

// EndOfMessage tells that the message is whole; the rest of the body may come with it. It returns the changes that the
// milter wants to be made if it lets the message pass.
func (c *Conn) EndOfMessage(rest []byte) ([]Edit, Answer, error) {
	if err := c.begin('E', rest); err != nil {
		return nil, Answer{}, err
	}
	var edits []Edit
	for inBody := false; ; {
		p, err := c.receive()
		if err != nil {
			return nil, Answer{}, err
		}
		_, isEdit := permission(p.code)
		switch {
		case inBody && (isEdit || p.code == 'p') && p.code != byte(ReplaceBody):
			return nil, Answer{}, violation("%c comes between two pieces of the body", p.code)
		case p.code == 'p':
			if len(p.data) > 0 {
				return nil, Answer{}, violation("a progress packet has data: %.60q", p.data)
			}
		case isEdit:
			e, err := parseEdit(p, c.agreed)
			if err != nil {
				return nil, Answer{}, err
			}
			inBody = inBody || e.Code == ReplaceBody
			edits = append(edits, e)
		default:
			a, err := parseAnswer(p, 'E', c.agreed)
			return edits, a, err
		}
	}
}

// Abort tells that the message comes to nothing. It has no answer.
func (c *Conn) Abort() error { return c.begin('A', nil) }

// QuitNewConnection tells that the client is gone, and that another one follows on the same connection.
func (c *Conn) QuitNewConnection() error { return c.begin('K', nil) }

// Quit says goodbye and waits until the milter has closed the connection, which it must without another word.
func (c *Conn) Quit() error {
	if err := c.begin('Q', nil); err != nil {
		return err
	}
	p, err := c.receive()
	switch {
	case err == nil:
		return violation("%c %.60q comes after the end", p.code, p.data)
	case errors.Is(err, ErrHungUp):
		return c.conn.Close()
	default:
		return err
	}
}

// Close hangs up without a word.
func (c *Conn) Close() error { return c.conn.Close() }

// event sends an event and returns the answer to it.
func (c *Conn) event(code byte, data []byte) (Answer, error) {
	if c.agreed.Steps&withoutEvent[code] != 0 {
		return Answer{Code: Continue}, nil
	}
	if err := c.begin(code, data); err != nil {
		return Answer{}, err
	}
	if c.agreed.Steps&withoutAnswer[code] != 0 {
		return Answer{Code: Continue}, nil
	}
	for {
		p, err := c.receive()
		if err != nil {
			return Answer{}, err
		}
		if p.code == 'p' && c.ProgressAnytime {
			continue
		}
		return parseAnswer(p, code, c.agreed)
	}
}

// begin sends an event, when the milter has nothing left to say.
func (c *Conn) begin(code byte, data []byte) error {
	if n := c.in.Buffered(); n > 0 {
		rest, _ := c.in.Peek(n)
		return violation("a packet nobody waits for: %.60q", rest)
	}
	return c.send(code, data)
}

func (c *Conn) send(code byte, data []byte) error {
	if len(data) > maxPiece && code == 'B' {
		return fmt.Errorf("send %c: %d octets are too many", code, len(data))
	}
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := c.conn.Write(packet{code, data}.append(nil)); err != nil {
		return fmt.Errorf("send %c: %w", code, err)
	}
	return nil
}

func (c *Conn) receive() (packet, error) {
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return packet{}, err
	}
	return readPacket(c.in)
}
