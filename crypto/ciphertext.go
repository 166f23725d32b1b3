package crypto

import "io"

// Ciphertext is one recipient's encrypted message: the session-key packets for their keys alone, and the encrypted
// data. It is immutable and safe for concurrent use; the data may be in common with other recipients' copies.
type Ciphertext struct {
	keys, data []byte
	checksum   bool
}

// WriteTo writes the message as an armored "PGP MESSAGE" block with CRLF line ends, in pieces of about 32 KiB. It may
// be called again.
func (c *Ciphertext) WriteTo(w io.Writer) (int64, error) {
	return c.frame().write(w, c.keys, c.data)
}

// Size returns the number of octets that WriteTo writes.
func (c *Ciphertext) Size() int64 {
	return c.frame().size(int64(len(c.keys) + len(c.data)))
}

func (c *Ciphertext) frame() armorFrame {
	return armorFrame{label: armorMessage, eol: "\r\n", checksum: c.checksum}
}
