package crypto_test

import (
	"bytes"
	"testing"

	"sealmilter/crypto"
)

// FuzzRewriteSignature asks that what was put together again says the same when it is taken apart.
func FuzzRewriteSignature(f *testing.F) {
	for _, c := range []*crypto.Cert{generate(f, "a@example.org").Cert(), cert(f, newEntity(f, v6(now)))} {
		for _, p := range packets(f, c.Bytes()) {
			f.Add(p.Contents)
		}
	}
	long := append([]byte{4, 0x13, 22, 10, 1, 0, 192, 0, 20}, make([]byte, 191)...)
	f.Add(append(append(long, 255, 0, 0, 0, 54, 20), make([]byte, 57)...))
	f.Fuzz(func(t *testing.T, body []byte) {
		once, err := crypto.RewriteSignature(body)
		if err != nil {
			return
		}
		if twice, err := crypto.RewriteSignature(once); err != nil || !bytes.Equal(once, twice) {
			t.Errorf("%x becomes %x, %v", once, twice, err)
		}
	})
}

// TestRewriteSignature has real signatures come back octet by octet.
func TestRewriteSignature(t *testing.T) {
	for _, c := range []*crypto.Cert{generate(t, "a@example.org").Cert(), cert(t, newEntity(t, v6(now)))} {
		n := 0
		for _, p := range packets(t, c.Bytes()) {
			if p.Tag != 2 {
				continue
			}
			n++
			if b, err := crypto.RewriteSignature(p.Contents); err != nil || !bytes.HasPrefix(p.Contents, b) || len(b) < 20 {
				t.Errorf("%x becomes %x, %v", p.Contents, b, err)
			}
		}
		if n < 2 {
			t.Errorf("%d signatures", n)
		}
	}
}
