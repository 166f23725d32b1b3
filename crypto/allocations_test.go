package crypto_test

import (
	"io"
	"runtime"
	"testing"

	"sealmilter/crypto"
)

// TestAllocations bounds what sealing leaves to the garbage collector, at about twice of what it takes: one reader's
// copy has a buffer for each of the layers that it goes through, whatever its size, and a further one little more than
// its session-key packets. What copies share is in memory once.
func TestAllocations(t *testing.T) {
	by := signer(t, generate(t, "sender@example.org"))
	version2 := readers(t)[5].cert
	for _, tc := range []struct {
		name        string
		octets      int
		to          []*crypto.Cert
		times, size uint64 // at most
	}{
		{"a note", 10 << 10, generateMany(t, 1), 250, 80 << 10},
		{"a note in version 2", 10 << 10, []*crypto.Cert{version2}, 300, 120 << 10},
		{"a note to many", 10 << 10, generateMany(t, 20), 2000, 1 << 20},
		{"a large message", 1 << 20, generateMany(t, 1), 250, 128 << 10},
		{"a large message to many", 1 << 20, generateMany(t, 5), 600, 4 << 20},
	} {
		payload := crypto.Payload{crypto.Octets(make([]byte, tc.octets))}
		seal := func() {
			copies, err := sealer().Encrypt(payload, by, tc.to, crypto.EncryptOptions{Share: true})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range copies {
				if _, err := c.WriteTo(io.Discard); err != nil {
					t.Fatal(err)
				}
			}
		}
		seal() // what is made once
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		seal()
		runtime.ReadMemStats(&after)
		times, size := after.Mallocs-before.Mallocs, after.TotalAlloc-before.TotalAlloc
		if times > tc.times || size > tc.size {
			t.Errorf("%s: memory was taken %d times and %d octets in all, want no more than %d and %d",
				tc.name, times, size, tc.times, tc.size)
		}
	}
}
