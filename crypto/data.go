package crypto

import (
	"bytes"
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
	use        suite
	sessionKey []byte
	random     []byte // prefix or salt
}

// errCleared is about a copy that is written after its session key is gone.
var errCleared = errors.New("the session key of the message has been cleared")

// newData draws what is random about the packet, and tries the suite, so that nothing is left that might fail later.
func newData(m message, use suite, random io.Reader) (*data, error) {
	d := &data{message: m, use: use, sessionKey: make([]byte, use.cipher.KeySize()), random: make([]byte, use.randomSize())}
	for _, b := range [][]byte{d.sessionKey, d.random} {
		if _, err := io.ReadFull(random, b); err != nil {
			return nil, fmt.Errorf("make a session key: %w", err)
		}
	}
	if d.size() > math.MaxUint32 {
		return nil, errors.New("the message has more than 4 GiB")
	}
	if _, err := d.encrypter(io.Discard); err != nil {
		return nil, err
	}
	return d, nil
}

// aeadChunk is the size of a chunk of version 2 data in octets, as a chunk size octet of 12 has it (RFC 9580, section
// 5.13.2): the default of the library, and in reach of all that hold it to 4 MiB.
const aeadChunk = 1 << 18

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

// bodySize follows RFC 9580, sections 5.13.1 and 5.13.2.
func (d *data) bodySize() int64 {
	n := d.message.Size()
	if !d.use.v2 {
		const version, prefix, checksum = 1, 18, 22
		return version + prefix + n + checksum
	}
	const version, suite, salt, tag = 1, 3, 32, 16
	chunks := max(1, (n+aeadChunk-1)/aeadChunk)
	return version + suite + salt + n + chunks*tag + tag
}

// encrypter returns the library's writer, which begins with the header of the packet.
func (d *data) encrypter(w io.Writer) (io.WriteCloser, error) {
	cfg := &packet.Config{Rand: bytes.NewReader(d.random), AEADConfig: &packet.AEADConfig{ChunkSize: aeadChunk}}
	suite := packet.CipherSuite{Cipher: d.use.cipher, Mode: d.use.mode}
	return packet.SerializeSymmetricallyEncrypted(w, d.use.cipher, d.use.v2, suite, d.sessionKey, cfg)
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

// header returns the octets before the body. The library would frame it in pieces, of sizes of its own choice; with its length
// in front it has a size that is known beforehand.
func (d *data) header() []byte {
	return binary.BigEndian.AppendUint32([]byte{0xc0 | tagSEIPD, 255}, uint32(d.bodySize()))
}

// writeBody writes the packet without its header.
func (d *data) writeBody(w io.Writer) error {
	if len(d.sessionKey) == 0 {
		return errCleared
	}
	body := &unframed{w: w}
	plain, err := d.encrypter(body)
	if err != nil {
		return err
	}
	if _, err := d.message.WriteTo(inParts{plain}); err != nil {
		return err
	}
	if err := plain.Close(); err != nil {
		return err
	}
	if body.n != d.bodySize() || !body.ended() {
		return fmt.Errorf("the encrypted data have %d octets, not %d", body.n, d.bodySize())
	}
	return nil
}

// inParts passes on what is written in parts that are not large: the library keeps and copies whatever it gets at once.
type inParts struct{ w io.Writer }

// Write writes all of b.
func (p inParts) Write(b []byte) (int, error) {
	const most = 32 << 10
	written := 0
	for written < len(b) {
		n, err := p.w.Write(b[written:min(len(b), written+most)])
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// clear makes the packet one that cannot be written any more.
func (d *data) clear() {
	clear(d.sessionKey)
	d.sessionKey, d.message = nil, nil
}
