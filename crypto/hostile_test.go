package crypto_test

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"slices"
	"testing"

	"sealmilter/crypto"
)

// packetOf is a packet with a length of five octets (RFC 9580, section 4.2.1).
func packetOf(tag byte, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0xc0 | tag, 0xff}, uint32(len(body))), body...)
}

// subpacketOf is a subpacket of a signature (RFC 9580, section 5.2.3.7).
func subpacketOf(kind byte, body []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte{0xff}, uint32(1+len(body)))
	return append(append(b, kind), body...)
}

// signatureBody is the body of a signature of version 4 by a legacy EdDSA key, which nobody made.
func signatureBody(kind byte, hashed, unhashed []byte) []byte {
	b := []byte{4, kind, 22, 8}
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(hashed))), hashed...)
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(unhashed))), unhashed...)
	return append(b, 0, 0, 0, 1, 1, 0, 1, 1)
}

// nestedSignature has an embedded signature in an embedded signature (RFC 9580, section 5.2.3.34), and so on.
func nestedSignature(depth int) []byte {
	b := signatureBody(0x19, nil, nil)
	for range depth {
		b = signatureBody(0x18, nil, subpacketOf(32, b))
	}
	return b
}

// TestHostileKeyrings measures what is allocated for keyrings that were made to be expensive, which bounds the work: it is
// linear in their size, whatever they hold.
func TestHostileKeyrings(t *testing.T) {
	key := generate(t, "a@example.org").Cert().Bytes()
	repeated := func(n int, b []byte) []byte { return bytes.Repeat(b, n) }
	for name, keyring := range map[string]func(n int) []byte{
		"signatures in signatures": func(n int) []byte { return append(slices.Clone(key), packetOf(2, nestedSignature(n/6))...) },
		"signatures": func(n int) []byte {
			return append(slices.Clone(key), repeated(n, packetOf(2, signatureBody(0x10, nil, nil)))...)
		},
		"subpackets": func(n int) []byte {
			return append(slices.Clone(key), packetOf(2, signatureBody(0x13, repeated(n, []byte{2, 20, 0}), repeated(n, []byte{1, 99})))...)
		},
		"preferences": func(n int) []byte {
			return append(slices.Clone(key), packetOf(2, signatureBody(0x13, repeated(n, []byte{2, 11, 9}), nil))...)
		},
		"User IDs": func(n int) []byte {
			return append(slices.Clone(key), repeated(n, packetOf(13, []byte("a@example.org")))...)
		},
		"user attributes": func(n int) []byte { return append(slices.Clone(key), packetOf(17, repeated(n, []byte{2, 1, 0}))...) },
		"subkeys": func(n int) []byte {
			return append(slices.Clone(key), repeated(n, packetOf(14, []byte{4, 0, 0, 0, 0, 18, 1, 0, 0, 1, 1}))...)
		},
		"markers":               func(n int) []byte { return append(slices.Clone(key), repeated(n, packetOf(10, []byte("PGP")))...) },
		"unknown packets":       func(n int) []byte { return append(slices.Clone(key), repeated(n, packetOf(60, nil))...) },
		"empty packets":         func(n int) []byte { return repeated(n, packetOf(6, nil)) },
		"armor that never ends": func(n int) []byte { return repeated(n, []byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n")) },
		"armor with many header fields": func(n int) []byte {
			return append([]byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n"), repeated(n, []byte("A: b\n"))...)
		},
		"pieces of one octet": func(n int) []byte { return append([]byte{0xc6}, repeated(n, []byte{0xe0, 4})...) },
	} {
		work := func(n int) (octets, allocated int) {
			b := keyring(n)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			crypto.ReadKeyring(bytes.NewReader(b))
			crypto.ParseCert(b)
			crypto.InspectMessage(b)
			runtime.ReadMemStats(&after)
			return len(b), int(after.TotalAlloc - before.TotalAlloc)
		}
		work(100) // what is made once
		_, few := work(1000)
		octets, many := work(10000)
		t.Logf("%s: %d octets, %d allocated", name, octets, many)
		if many > 1000*octets || many > 15*few+4<<20 {
			t.Errorf("%s: %d octets allocate %d, a tenth of them %d", name, octets, many, few)
		}
	}
}
