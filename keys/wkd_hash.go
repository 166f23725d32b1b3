package keys

import "crypto/sha1"

// zBase32 is the alphabet of RFC 6189, section 5.1.6.
const zBase32 = "ybndrfg8ejkmcpqxot1uwisza345h769"

// WKDHash returns the name of the file that has the certificates of a local part, without its quoting, in a Web Key
// Directory: the z-base-32 encoding of the SHA-1 digest of the local part in lower case
// (draft-koch-openpgp-webkey-service, section 3.1). Only ASCII letters have a lower case here. The digest hides nothing
// and proves nothing; it makes any local part a file name.
func WKDHash(local string) string {
	lower := []byte(local)
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' {
			lower[i] = c + ('a' - 'A')
		}
	}
	digest := sha1.Sum(lower)
	var name []byte
	var bits uint
	var pending uint32
	for _, c := range digest {
		pending, bits = pending<<8|uint32(c), bits+8
		for ; bits >= 5; bits -= 5 {
			name = append(name, zBase32[pending>>(bits-5)&31])
		}
	}
	return string(name) // 160 bits are 32 digits, without a rest
}
