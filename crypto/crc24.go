package crypto

import "encoding/binary"

// The checksum of armored data (RFC 9580, section 6.1.1): a register of 24 bits, highest bit first, and no final change.
const (
	crc24Init = 0xb704ce
	crc24Poly = 0x864cfb // without its highest bit
)

// crc24Tables has in crc24Tables[k][b] what the octet b becomes when it goes in with k octets after it. The register is
// in the upper 24 bits there.
var crc24Tables = func() (tables [8][256]uint32) {
	for i := range tables[0] {
		tables[0][i] = multiplyCRC24(uint32(i)<<16, 1<<8) << 8
	}
	for k := range len(tables) - 1 {
		for i, crc := range tables[k] {
			tables[k+1][i] = crc<<8 ^ tables[0][crc>>24]
		}
	}
	return tables
}()

// updateCRC24 continues a checksum, which begins with crc24Init.
//
// It takes eight octets at a time, each from a table of its own, since an octet by itself has to wait for the one before.
// Only the first three have anything to do with the checksum so far, and come last, so that the others need not wait. That
// is six times as fast as one table; sixteen tables are no faster to speak of.
func updateCRC24(crc uint32, p []byte) uint32 {
	crc <<= 8
	t := &crc24Tables
	for ; len(p) >= 8; p = p[8:] {
		x := binary.BigEndian.Uint64(p)
		first := crc ^ uint32(x>>32)
		crc = t[0][byte(x)] ^ t[1][byte(x>>8)] ^ t[2][byte(x>>16)] ^ t[3][byte(x>>24)] ^ t[4][byte(x>>32)] ^
			(t[5][byte(first>>8)] ^ t[6][byte(first>>16)] ^ t[7][first>>24])
	}
	for _, b := range p {
		crc = crc<<8 ^ t[0][byte(crc>>24)^b]
	}
	return crc >> 8
}

// combineCRC24 returns the checksum of A followed by B: first is that of A, and second that of B if it had begun with 0.
// B has so many octets. The cost grows with the logarithm of their number.
//
// A checksum is a remainder, so that A's own part of the sum is first times x to the power of the bits that follow A.
func combineCRC24(first, second uint32, octets int64) uint32 {
	for power := uint32(1 << 8); octets > 0; octets >>= 1 {
		if octets&1 != 0 {
			first = multiplyCRC24(first, power)
		}
		power = multiplyCRC24(power, power)
	}
	return first ^ second
}

// multiplyCRC24 multiplies two polynomials over the field of two elements modulo that of the checksum.
func multiplyCRC24(a, b uint32) (product uint32) {
	for bit := uint32(1 << 23); bit != 0; bit >>= 1 {
		product <<= 1
		if product&(1<<24) != 0 {
			product ^= 1<<24 | crc24Poly
		}
		if b&bit != 0 {
			product ^= a
		}
	}
	return product
}
