package crypto

import "io"

// Ciphertext is one recipient's encrypted message: the session-key packets for them and for those who read every copy,
// and the encrypted data, which may be in common with other recipients' copies. It is safe for concurrent use.
type Ciphertext struct {
	keys  []byte
	also  []byte // the same for most copies of the data
	data  *data
	shelf *Shelf
}

// WriteTo writes the message as an armored "PGP MESSAGE" block with CRLF line ends, in pieces of about 32 KiB. It may
// be called again and writes the same, until the shelf of the message is cleared. Data that no other copy has are
// encrypted on their way to w.
func (c *Ciphertext) WriteTo(w io.Writer) (int64, error) {
	e := c.frame().begin(w, c.size())
	e.encode(c.keys)
	e.encode(c.also)
	var err error
	if c.data.class == 0 {
		err = c.data.writeTo(e)
	} else {
		err = c.writeShared(e)
	}
	if err != nil {
		return e.n, err
	}
	e.finish()
	return e.n, e.err
}

// writeShared writes the data from the shelf.
func (c *Ciphertext) writeShared(w io.Writer) error {
	packet, err := c.shelf.take(c.data)
	if err != nil {
		return err
	}
	defer c.shelf.give(packet)
	for _, piece := range packet.pieces {
		if _, err := w.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

// Size returns the number of octets that WriteTo writes, without doing so.
func (c *Ciphertext) Size() int64 { return c.frame().size(c.size()) }

// Class returns the same number, which is not 0, for copies of one message that have their encrypted data in common, and 0
// for a copy whose data no other one has. It costs least to write the copies of one class one after the other.
func (c *Ciphertext) Class() int { return c.data.class }

// size is without the armor.
func (c *Ciphertext) size() int64 { return int64(len(c.keys)+len(c.also)) + c.data.size() }

func (c *Ciphertext) frame() armorFrame {
	return armorFrame{label: armorMessage, eol: "\r\n", checksum: !c.data.use.v2}
}
