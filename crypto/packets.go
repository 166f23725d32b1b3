package crypto

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Packet types (RFC 9580, section 5).
const (
	tagSessionKey   = 1
	tagSignature    = 2
	tagSecretKey    = 5
	tagPublicKey    = 6
	tagSecretSubkey = 7
	tagMarker       = 10
	tagTrust        = 12
	tagUserID       = 13
	tagPublicSubkey = 14
	tagUserAttr     = 17
	tagSEIPD        = 18
	tagAEAD         = 20 // LibrePGP
	tagPadding      = 21

	packetOverhead = 6 // octets of the longest header that is written

	// firstNonCritical begins the types that may be ignored when they are not known (section 4.3).
	firstNonCritical = 40
)

// rawPacket is one packet, framed but not parsed.
type rawPacket struct {
	tag  byte
	body []byte
}

// parse has the library read the packet.
func (p rawPacket) parse() (packet.Packet, error) {
	return packet.Read(bytes.NewReader(p.appendTo(nil)))
}

// errFraming is wrapped by errors about packet headers and lengths.
var errFraming = errors.New("the OpenPGP data is damaged")

// packetHeader is the frame of a packet (RFC 9580, section 4.2).
type packetHeader struct {
	tag    byte
	length int64
	// partial says that length is that of the first piece only and that another length follows it.
	partial bool
}

// readHeader returns io.EOF only at the end of the data.
func readHeader(r *bufio.Reader) (packetHeader, error) {
	var h packetHeader
	first, err := r.ReadByte()
	if err != nil {
		return h, err
	}
	switch {
	case first&0x80 == 0:
		return h, fmt.Errorf("%w: no packet begins with the octet %#02x", errFraming, first)
	case first&0x40 != 0:
		h.tag = first & 0x3f
		h.length, h.partial, err = readLength(r)
	default:
		h.tag = first >> 2 & 0x0f
		h.length, err = readOldLength(r, first&3)
	}
	return h, truncated(err)
}

func readLength(r *bufio.Reader) (n int64, partial bool, err error) {
	first, err := r.ReadByte()
	switch {
	case err != nil:
		return 0, false, err
	case first < 192:
		return int64(first), false, nil
	case first < 224:
		second, err := r.ReadByte()
		return int64(first-192)<<8 + int64(second) + 192, false, err
	case first < 255:
		return 1 << (first & 0x1f), true, nil
	}
	n, err = readBigEndian(r, 4)
	return n, false, err
}

func readOldLength(r *bufio.Reader, lengthType byte) (int64, error) {
	if lengthType == 3 {
		return 0, fmt.Errorf("%w: a packet has no length", errFraming)
	}
	return readBigEndian(r, 1<<lengthType)
}

func readBigEndian(r *bufio.Reader, octets int) (n int64, err error) {
	for range octets {
		b, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		n = n<<8 | int64(b)
	}
	return n, nil
}

// readBody reads the rest of a packet. Only data packets, which no key holds, may come in pieces (section 4.2.1.4).
func readBody(r *bufio.Reader, h packetHeader) (rawPacket, error) {
	if h.partial {
		return rawPacket{}, fmt.Errorf("%w: a packet of type %d comes in pieces", errFraming, h.tag)
	}
	p := rawPacket{tag: h.tag, body: make([]byte, h.length)}
	_, err := io.ReadFull(r, p.body)
	return p, truncated(err)
}

// parsePackets cuts data of at most 2 MiB into packets.
func parsePackets(b []byte) ([]rawPacket, error) {
	if len(b) > 2*maxCertSize {
		return nil, malformed("it is larger than 1 MiB")
	}
	r := bufio.NewReader(bytes.NewReader(b))
	var packets []rawPacket
	for {
		h, err := readHeader(r)
		if err == io.EOF {
			return packets, nil
		}
		if err == nil && h.length > int64(len(b)) {
			err = truncated(io.EOF)
		}
		var p rawPacket
		if err == nil {
			p, err = readBody(r, h)
		}
		if err != nil {
			return nil, malformed(err.Error())
		}
		packets = append(packets, p)
	}
}

// truncated names an end of the data where there must be more.
func truncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends in the middle of a packet", errFraming)
	}
	return err
}

// appendTo appends the packet with a header in the present format.
func (p rawPacket) appendTo(b []byte) []byte {
	b = append(b, 0xc0|p.tag)
	switch n := len(p.body); {
	case n < 192:
		b = append(b, byte(n))
	case n < 8384:
		b = append(b, byte((n-192)>>8)+192, byte(n-192))
	default:
		b = binary.BigEndian.AppendUint32(append(b, 255), uint32(n))
	}
	return append(b, p.body...)
}

func encodePackets(packets []rawPacket) []byte {
	n := 0
	for _, p := range packets {
		n += packetOverhead + len(p.body)
	}
	b := make([]byte, 0, n)
	for _, p := range packets {
		b = p.appendTo(b)
	}
	return b
}
