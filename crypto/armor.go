package crypto

import (
	"encoding/base64"
	"io"
)

// Armor types (RFC 9580, section 6.2).
const (
	armorMessage   = "PGP MESSAGE"
	armorSignature = "PGP SIGNATURE"
	armorPublic    = "PGP PUBLIC KEY BLOCK"
	armorSecret    = "PGP PRIVATE KEY BLOCK"
)

const (
	armorBuffer = 32 << 10 // characters written at once, and no more than a line and the end of the block on top
	armorSlack  = 128      // for those
)

// armorFrame is the frame of one ASCII-armored block without headers (RFC 9580, section 6).
type armorFrame struct {
	label string
	eol   string
	// checksum adds the CRC-24, which old programs ask for and which must not follow version 6 packets (section 6.1).
	checksum bool
}

// size returns the number of octets that runs of data become, of which each begins a line.
func (a armorFrame) size(runs ...int64) int64 {
	n := int64(len("-----BEGIN -----") + len("-----END -----") + 2*len(a.label) + 3*len(a.eol))
	if a.checksum {
		n += int64(len("=AAAA") + len(a.eol))
	}
	for _, octets := range runs {
		n += a.linesSize(octets)
	}
	return n
}

// linesSize is that of the lines alone.
func (a armorFrame) linesSize(octets int64) int64 {
	chars := (octets + 2) / 3 * 4
	lines := (octets + base64Line - 1) / base64Line
	return chars + lines*int64(len(a.eol))
}

// write armors the concatenation of the parts. It writes to w in pieces of about 32 KiB.
func (a armorFrame) write(w io.Writer, parts ...[]byte) (int64, error) {
	var octets int64
	for _, part := range parts {
		octets += int64(len(part))
	}
	e := a.begin(w, octets)
	for _, part := range parts {
		e.encode(part)
	}
	e.finish()
	return e.n, e.err
}

// begin returns an encoder for so many octets that has begun a block.
func (a armorFrame) begin(w io.Writer, octets int64) *armorEncoder {
	e := a.beginLines(w, a.size(octets))
	e.crc = crc24Init
	e.out = append(e.out, "-----BEGIN "+a.label+"-----"+a.eol+a.eol...)
	return e
}

// beginLines returns an encoder for lines without the frame, of so many characters. Its checksum begins with 0, to be
// combined with that of what stands before them; breakLine and flush end them.
func (a armorFrame) beginLines(w io.Writer, chars int64) *armorEncoder {
	return &armorEncoder{
		armorFrame: a,
		w:          w,
		out:        make([]byte, 0, min(chars, armorBuffer+armorSlack)),
		line:       make([]byte, 0, base64Line),
	}
}

type armorEncoder struct {
	armorFrame
	w    io.Writer
	out  []byte
	line []byte // begun, shorter than base64Line
	crc  uint32
	n    int64
	err  error
}

// Write is encode for who has to know of errors at once.
func (e *armorEncoder) Write(p []byte) (int, error) {
	e.encode(p)
	return len(p), e.err
}

func (e *armorEncoder) encode(p []byte) {
	if e.checksum {
		e.crc = updateCRC24(e.crc, p)
	}
	if len(e.line) > 0 {
		n := min(base64Line-len(e.line), len(p))
		e.line, p = append(e.line, p[:n]...), p[n:]
		if len(e.line) < base64Line {
			return
		}
		e.lines(e.line)
		e.line = e.line[:0]
	}
	for len(p) >= base64Line {
		n := min(len(p)/base64Line, e.room()) * base64Line
		e.lines(p[:n])
		p = p[n:]
	}
	e.line = append(e.line, p...)
}

// room returns how many lines fill the buffer.
func (e *armorEncoder) room() int {
	line := base64Chars + len(e.eol)
	return (armorBuffer - len(e.out) + line - 1) / line
}

// lines takes whole lines, no more than there is room for.
func (e *armorEncoder) lines(p []byte) {
	e.out = appendBase64Lines(e.out, p, e.eol)
	if len(e.out) >= armorBuffer {
		e.flush()
	}
}

// breakLine ends a line that is begun, however short it is. More may follow if it has whole groups of three octets.
func (e *armorEncoder) breakLine() {
	if len(e.line) > 0 {
		e.out = base64.StdEncoding.AppendEncode(e.out, e.line)
		e.out = append(e.out, e.eol...)
		e.line = e.line[:0]
	}
}

// join takes into the checksum what was put behind the whole lines so far: that of another encoder, for so many octets.
func (e *armorEncoder) join(crc uint32, octets int64) { e.crc = combineCRC24(e.crc, crc, octets) }

func (e *armorEncoder) finish() {
	e.breakLine()
	if e.checksum {
		e.out = append(e.out, '=')
		e.out = base64.StdEncoding.AppendEncode(e.out, []byte{byte(e.crc >> 16), byte(e.crc >> 8), byte(e.crc)})
		e.out = append(e.out, e.eol...)
	}
	e.out = append(e.out, "-----END "+e.label+"-----"+e.eol...)
	e.flush()
}

func (e *armorEncoder) flush() {
	e.put(e.out)
	e.out = e.out[:0]
}

func (e *armorEncoder) put(b []byte) {
	if e.err == nil {
		var n int
		n, e.err = e.w.Write(b)
		e.n += int64(n)
	}
}
