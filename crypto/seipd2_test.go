package crypto

import (
	"bytes"
	"io"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// TestChunks has messages around every size of a chunk: what is written has the size that was told, says the size of its
// chunks, and opens.
func TestChunks(t *testing.T) {
	random := bytes.Repeat([]byte{1, 2, 3}, 100)
	for octet := range byte(13) {
		chunk := 64 << octet
		for _, n := range []int{chunk/2 + 1, chunk - 1, chunk} {
			checkChunks(t, suites[0], random, n, octet)
		}
	}
	for _, use := range suites {
		checkChunks(t, use, random, 0, 0)
		checkChunks(t, use, random, 65, 1)
		checkChunks(t, use, random, 1<<18+1, 12)
	}
	checkChunks(t, suites[0], random, 1<<19, 12)
}

func checkChunks(t *testing.T, use suite, random []byte, n int, octet byte) {
	t.Helper()
	plain := bytes.Repeat([]byte{'x'}, n)
	d, err := newData(message{Octets(plain[:n/3]), Octets(plain[n/3:])}, use, bytes.NewReader(random))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	b.Write(d.header())
	if err := d.writeBody(&b); err != nil || int64(b.Len()) != d.size() {
		t.Fatalf("%+v: %d octets became %d, not %d: %v", use, n, b.Len(), d.size(), err)
	}
	p, err := packet.Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	encrypted := p.(*packet.SymmetricallyEncrypted)
	if encrypted.ChunkSizeByte != octet {
		t.Errorf("%+v: %d octets have a chunk size octet of %d, want %d", use, n, encrypted.ChunkSizeByte, octet)
	}
	r, err := encrypted.Decrypt(use.cipher, d.sessionKey)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := io.ReadAll(r); err != nil || !bytes.Equal(again, plain) || r.Close() != nil {
		t.Errorf("%+v: %d octets do not come back: %v", use, n, err)
	}
}
