package pgpmime_test

import (
	"crypto/rand"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
)

// TestAllocations bounds what is allocated for a small message, about twice as much as when this was written: work that is
// done once for each copy instead of once for the message shows, and so does a buffer that is far too large.
func TestAllocations(t *testing.T) {
	by := signer(t, generate(t, "author@example.org"))
	var readers []pgpmime.Reader
	for i := range 20 {
		readers = append(readers, pgpmime.Reader{Cert: generate(t, fmt.Sprintf("reader%d@example.net", i)).Cert()})
	}
	m := parseMessage("From: author@example.org\nSubject: Figures\nContent-Type: text/plain\n\n" +
		strings.Repeat("A line of a text that is neither short nor long.\n", 10<<10/50))
	c := &pgpmime.Composer{Sealer: &crypto.Sealer{Now: time.Now, Rand: rand.Reader}, Rand: rand.Reader}
	for _, tc := range []struct {
		readers             int
		allocations, octets uint64
	}{
		{1, 500, 150 << 10},
		{20, 3000, 600 << 10},
	} {
		allocations, octets := allocated(t, func() error {
			draft, err := c.Prepare(m)
			if err != nil {
				return err
			}
			defer draft.Close()
			copies, err := draft.Encrypt(by, readers[:tc.readers], crypto.EncryptOptions{Share: true})
			if err != nil {
				return err
			}
			for _, c := range copies {
				c.Header.AppendTo(nil)
				if _, err := c.Body.WriteTo(io.Discard); err != nil {
					return err
				}
			}
			return nil
		})
		if allocations > tc.allocations || octets > tc.octets {
			t.Errorf("%d readers: %d allocations of %d octets, more than %d of %d", tc.readers, allocations, octets, tc.allocations, tc.octets)
		}
		t.Logf("%d readers: %d allocations of %d octets", tc.readers, allocations, octets)
	}
}

// allocated returns the number of allocations and of their octets, the least of several times: others may allocate
// meanwhile.
func allocated(t *testing.T, do func() error) (allocations, octets uint64) {
	for i := range 10 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := do(); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if n := after.Mallocs - before.Mallocs; i == 0 || n < allocations {
			allocations, octets = n, after.TotalAlloc-before.TotalAlloc
		}
	}
	return allocations, octets
}
