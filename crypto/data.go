package crypto

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// data is one encrypted data packet. It is made when it is written, each time with the same octets, so that it need not
// be in memory.
type data struct {
	message    message
	octets     int64 // in the message; its headers say so, too
	use        suite
	sessionKey []byte
	random     []byte // prefix or salt
}

// errCleared is about a copy that is written after its session key is gone.
var errCleared = errors.New("the session key of the message has been cleared")

// newData draws what is random about the packet, and tries the suite, so that nothing is left that might fail later.
func newData(m message, use suite, random io.Reader) (*data, error) {
	d := &data{message: m, octets: m.Size(), use: use, sessionKey: make([]byte, use.cipher.KeySize()), random: make([]byte, use.randomSize())}
	for _, b := range [][]byte{d.sessionKey, d.random} {
		if _, err := io.ReadFull(random, b); err != nil {
			return nil, fmt.Errorf("make a session key: %w", err)
		}
	}
	if d.size() > math.MaxUint32 {
		return nil, errors.New("the message has more than 4 GiB")
	}
	if _, err := d.encrypter(io.Discard, 0); err != nil {
		return nil, err
	}
	return d, nil
}

// randomSize is that of the prefix, without the two octets of it that are said again, or of the salt.
func (s suite) randomSize() int {
	if s.v2 {
		return 32
	}
	return 16
}

// dataHeader is the number of octets before the body of a data packet: the type, and a length of five octets.
const dataHeader = 6

// size returns the number of octets of the packet.
func (d *data) size() int64 { return dataHeader + d.bodySize() }

func (d *data) bodySize() int64 {
	if d.use.v2 {
		return seipd2Size(d.octets)
	}
	return seipd1Size(d.octets)
}

// encrypter returns the writer of the packet's body for so many octets of data.
func (d *data) encrypter(w io.Writer, octets int64) (io.WriteCloser, error) {
	if d.use.v2 {
		use := packet.CipherSuite{Cipher: d.use.cipher, Mode: d.use.mode}
		return newSEIPD2(w, use, d.sessionKey, d.random, octets)
	}
	return newSEIPD1(w, d.use.cipher, d.sessionKey, d.random, octets)
}

// frame returns the armor of the packet.
func (d *data) frame() armorFrame {
	return armorFrame{label: armorMessage, eol: "\r\n", checksum: !d.use.v2}
}

// writeLines writes the packet as lines of armor, without its first octets, and returns their checksum.
func (d *data) writeLines(w io.Writer, phase int) (crc uint32, err error) {
	e := d.frame().beginLines(w, d.frame().linesSize(d.size()-int64(phase)))
	e.encode(d.header()[phase:])
	if err := d.writeBody(e); err != nil {
		return 0, err
	}
	e.breakLine()
	e.flush()
	return e.crc, e.err
}

// header returns the octets before the body. With its length in front, the packet has a size that is known beforehand.
func (d *data) header() []byte {
	return binary.BigEndian.AppendUint32([]byte{0xc0 | tagSEIPD, 255}, uint32(d.bodySize()))
}

// writeBody writes the packet without its header.
func (d *data) writeBody(w io.Writer) error {
	if len(d.sessionKey) == 0 {
		return errCleared
	}
	body := &counting{w: w}
	plain, err := d.encrypter(body, d.octets)
	if err != nil {
		return err
	}
	if _, err := d.message.WriteTo(plain); err != nil {
		return err
	}
	if err := plain.Close(); err != nil {
		return err
	}
	if body.n != d.bodySize() {
		return fmt.Errorf("the encrypted data have %d octets, not %d", body.n, d.bodySize())
	}
	return nil
}

// counting counts what is written.
type counting struct {
	w io.Writer
	n int64
}

func (c *counting) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// clear makes the packet one that cannot be written any more.
func (d *data) clear() {
	clear(d.sessionKey)
	d.sessionKey, d.message = nil, nil
}
