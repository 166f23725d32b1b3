package crypto

import (
	"encoding/binary"
	"slices"
)

const (
	base64Line  = 48 // octets in a line
	base64Chars = 64 // characters they become
)

// base64Pairs has the two characters for each twelve bits, the first one in the lower octet.
var base64Pairs = func() (pairs [1 << 12]uint16) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i := range pairs {
		pairs[i] = uint16(alphabet[i>>6]) | uint16(alphabet[i&0x3f])<<8
	}
	return pairs
}()

// appendBase64Lines encodes the whole lines that src begins with (RFC 4648, section 4), with eol after each. It takes two
// characters from the table at a time and writes eight, which is about three times as fast as the standard library; the
// eight steps are written out since they are slower in a loop.
func appendBase64Lines(dst, src []byte, eol string) []byte {
	be, le := binary.BigEndian, binary.LittleEndian
	dst = slices.Grow(dst, len(src)/base64Line*(base64Chars+len(eol)))
	for ; len(src) >= base64Line; src = src[base64Line:] {
		n := len(dst)
		dst = dst[:n+base64Chars]
		s, d := (*[base64Line]byte)(src), (*[base64Chars]byte)(dst[n:])
		le.PutUint64(d[0:], base64Eight(be.Uint64(s[0:])))
		le.PutUint64(d[8:], base64Eight(be.Uint64(s[6:])))
		le.PutUint64(d[16:], base64Eight(be.Uint64(s[12:])))
		le.PutUint64(d[24:], base64Eight(be.Uint64(s[18:])))
		le.PutUint64(d[32:], base64Eight(be.Uint64(s[24:])))
		le.PutUint64(d[40:], base64Eight(be.Uint64(s[30:])))
		le.PutUint64(d[48:], base64Eight(be.Uint64(s[36:])))
		le.PutUint64(d[56:], base64Eight(be.Uint64(s[40:])<<16))
		dst = append(dst, eol...)
	}
	return dst
}

// base64Eight returns the characters for the upper six octets, the first one in the lowest octet.
func base64Eight(octets uint64) uint64 {
	p := &base64Pairs
	return uint64(p[octets>>52]) | uint64(p[octets>>40&0xfff])<<16 | uint64(p[octets>>28&0xfff])<<32 | uint64(p[octets>>16&0xfff])<<48
}
