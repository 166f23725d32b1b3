package cms

import (
	"bytes"
	"errors"
)

// Content types (RFC 5652, section 6.1; RFC 5083, section 2.1), as the content of an object identifier.
var (
	oidEnvelopedData     = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03}
	oidAuthEnvelopedData = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x01, 0x17}
)

// oidKEM is the type of RecipientInfo for a key encapsulation mechanism (RFC 9629, section 3).
var oidKEM = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x0d, 0x03}

var (
	aes      = []byte{0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01} // with one more octet
	camellia = []byte{0x2a, 0x83, 0x08, 0x8c, 0x9a, 0x4b, 0x3d, 0x01, 0x01, 0x01}
	des3CBC  = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x03, 0x07}
	chacha20 = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x03, 0x12}
)

// cipher is how a content is encrypted.
type cipher struct {
	// block is what the length of the content is a multiple of, in octets.
	block int64
	// authenticated ciphers need an [AuthEnvelopedData].
	authenticated bool
}

// cipherOf knows the algorithms that programs for S/MIME use (RFC 8551, section 2.7) and that hold today, and Triple-DES,
// which old ones use. RC2 and DES hide nothing from anybody.
func cipherOf(oid []byte) (cipher, error) {
	last := byte(0)
	if len(oid) > 0 {
		last = oid[len(oid)-1]
	}
	switch {
	case bytes.Equal(oid, des3CBC):
		return cipher{block: 8}, nil
	case bytes.Equal(oid, chacha20):
		return cipher{block: 1, authenticated: true}, nil
	case isIn(camellia, oid) && (last == 2 || last == 3 || last == 4):
		return cipher{block: 16}, nil
	case isIn(aes, oid):
		switch last {
		case 2, 22, 42: // CBC
			return cipher{block: 16}, nil
		case 6, 26, 46, 7, 27, 47: // GCM, CCM
			return cipher{block: 1, authenticated: true}, nil
		}
	}
	return cipher{}, errors.New("its content is encrypted by an algorithm that is not known here, or that hides nothing")
}

// isIn reports whether an object identifier is one step below an arc.
func isIn(arc, oid []byte) bool { return len(oid) == len(arc)+1 && bytes.HasPrefix(oid, arc) }
