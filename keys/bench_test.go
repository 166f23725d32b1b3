package keys_test

import (
	"errors"
	"fmt"
	"testing"

	"sealmilter/internal/store"
	"sealmilter/keys"
)

// inUse is how many addresses the benchmarks write to. Only they have certificates of their own: making all takes long.
const inUse = 100

// BenchmarkLookup measures the lookup of pinned addresses with few and with many certificates around them, and of one
// whose answer is in memory.
func BenchmarkLookup(b *testing.B) {
	var users []*generated
	for i := range inUse {
		users = append(users, newGenerated(b, i))
	}
	for _, count := range []int{inUse, 100_000} {
		h := newHost(b)
		fill(b, h, users, count)
		warm := h.directory(h.local)
		for _, u := range users {
			if a := warm.Lookup(b.Context(), addr(b, u.address)); a.Status != keys.Found {
				b.Fatal(a)
			}
		}
		b.Run(fmt.Sprintf("certificates=%d", count), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				// A new directory has nothing in memory.
				d := h.directory(h.local)
				if a := d.Lookup(b.Context(), addr(b, users[i%inUse].address)); a.Status != keys.Found {
					b.Fatal(a)
				}
			}
		})
		b.Run(fmt.Sprintf("certificates=%d/cached", count), func(b *testing.B) {
			user := addr(b, users[0].address)
			for b.Loop() {
				if a := warm.Lookup(b.Context(), user); a.Status != keys.Found {
					b.Fatal(a)
				}
			}
		})
	}
}

// generated is a certificate with its address, as the store has it.
type generated struct {
	address, fingerprint string
	blob                 []byte
}

func newGenerated(b *testing.B, i int) *generated {
	b.Helper()
	g := &generated{address: fmt.Sprintf("user%d@example.org", i)}
	cert := generate(b, g.address, 0, 0).Cert()
	g.fingerprint, g.blob = cert.Fingerprint(), cert.Bytes()
	return g
}

// fill stores count certificates with an address each, as an import does, those of the users among them.
func fill(b *testing.B, h *host, users []*generated, count int) {
	b.Helper()
	ctx := b.Context()
	err := h.store.UpdateKeys(ctx, func(tx *store.KeyTx) error {
		for i := range count {
			g := generated{fmt.Sprintf("other%d@example.org", i), fmt.Sprintf("%040X", i), users[0].blob}
			if each := count / len(users); i%each == 0 {
				g = *users[i/each]
			}
			if err := tx.PutCertificate(ctx, g.fingerprint, g.blob, noon); err != nil {
				return err
			}
			_, err := tx.AddService(ctx, g.fingerprint, "local", uint8(keys.KnownKey), g.address)
			if err = errors.Join(err, tx.MarkSeen(ctx, g.address, noon)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
