package crypto_test

import (
	"fmt"
	"io"
	"testing"

	"sealmilter/crypto"
)

// BenchmarkCopies signs, encrypts and writes the copies of one message, with shared data and without.
func BenchmarkCopies(b *testing.B) {
	sender := generate(b, "sender@example.org")
	by := signer(b, sender)
	for _, size := range []struct{ octets, copies int }{{10 << 10, 1}, {10 << 10, 100}, {1 << 20, 1}, {1 << 20, 20}} {
		to := generateMany(b, size.copies)
		payload := crypto.Payload{crypto.Octets(make([]byte, size.octets))}
		for _, share := range []bool{true, false} {
			b.Run(fmt.Sprintf("octets=%d/copies=%d/share=%v", size.octets, size.copies, share), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					copies, err := sealer().Encrypt(payload, by, to, crypto.EncryptOptions{Share: share})
					if err != nil {
						b.Fatal(err)
					}
					for _, c := range copies {
						if _, err := c.WriteTo(io.Discard); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}
