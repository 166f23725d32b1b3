package crypto

import "io"

// Ciphertext is one recipient's encrypted message: the session-key packets for them and for those who read every copy,
// and the encrypted data, which may be in common with other recipients' copies. It is safe for concurrent use.
//
// Its armor has one line in the middle that ends before it is full: base64 stands for groups of three octets, so the
// session-key packets are filled up to whole groups with the first octets of the data, and the text from there on depends
// on nothing but the data and the number of those octets, the phase. It is so in every copy, whether there are others
// or not: that is nobody's business.
type Ciphertext struct {
	keys  []byte
	also  []byte // the same for most copies of the data
	data  *data
	shelf *Shelf
	// class is the number that copies of the data in the same phase have in common, 0 if there is only one.
	class int
}

// phases is how many texts one data packet can have.
const phases = 3

// phase is the number of octets of the data that stand in one line with session-key packets.
func (c *Ciphertext) phase() int { return (phases - (len(c.keys)+len(c.also))%phases) % phases }

// WriteTo writes the message as an armored "PGP MESSAGE" block with CRLF line ends. It may be called again and writes the
// same, until the shelf of the message is cleared. Text that other copies have, too, is written in pieces of up to 256 KiB
// which are theirs as well, so that w must neither keep nor change them. The first copy is written while this text is
// made, and the others wait for it then; text that no other copy has is made on its way to w, in pieces of about 32
// KiB.
func (c *Ciphertext) WriteTo(w io.Writer) (int64, error) {
	alone := c.class == 0
	room := c.front()
	if alone {
		room += c.rest()
	}
	e := c.frame().begin(w, room)
	e.encode(c.keys)
	e.encode(c.also)
	header := c.data.header()
	e.encode(header[:c.phase()])
	e.breakLine()
	var err error
	if alone {
		e.encode(header[c.phase():])
		err = c.data.writeBody(e)
	} else {
		err = c.writeShared(e)
	}
	if err != nil {
		return e.n, err
	}
	e.finish()
	return e.n, e.err
}

// writeShared writes the text from the shelf.
func (c *Ciphertext) writeShared(e *armorEncoder) error {
	e.flush()
	text, handed, err := c.shelf.take(c.data, c.phase(), e.put)
	if err != nil {
		return err
	}
	defer c.shelf.give(text)
	if !handed {
		for _, piece := range text.lines {
			e.put(piece)
		}
	}
	e.join(text.crc, c.rest())
	return e.err
}

// Size returns the number of octets that WriteTo writes, without doing so.
func (c *Ciphertext) Size() int64 { return c.frame().size(c.front(), c.rest()) }

// Class returns the same number, which is not 0, for copies of one message that have text in common, and 0 for a copy whose
// text no other one has. It costs least to write the copies of one class one after the other.
func (c *Ciphertext) Class() int { return c.class }

// front is the number of octets in the lines before the common text, and rest that of the octets in it.
func (c *Ciphertext) front() int64 { return int64(len(c.keys) + len(c.also) + c.phase()) }

func (c *Ciphertext) rest() int64 { return c.data.size() - int64(c.phase()) }

func (c *Ciphertext) frame() armorFrame { return c.data.frame() }
