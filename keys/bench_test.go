package keys_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"sealmilter/internal/store"
	"sealmilter/keys"
)

// BenchmarkLookup measures a lookup in the local source with few and with many certificates, and of an address whose
// certificate is in memory.
func BenchmarkLookup(b *testing.B) {
	for _, count := range []int{10, 100_000} {
		h := newHost(b)
		fill(b, h, count)
		d := h.directory(h.local)
		b.Run(fmt.Sprintf("certificates=%d", count), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				// A local source of its own has nothing in memory.
				d := h.directory(keys.NewLocal(h.store, h.clock.Now))
				if a := d.Lookup(b.Context(), addr(b, fmt.Sprintf("user%d@example.org", i*7919%count))); a.Status != keys.Found {
					b.Fatal(a)
				}
			}
		})
		b.Run(fmt.Sprintf("certificates=%d/cached", count), func(b *testing.B) {
			user := addr(b, "user7@example.org")
			for b.Loop() {
				if a := d.Lookup(b.Context(), user); a.Status != keys.Found {
					b.Fatal(a)
				}
			}
		})
	}
}

// fill stores count certificates with an address each, as an import does.
func fill(b *testing.B, h *host, count int) {
	b.Helper()
	ctx := b.Context()
	blob := generate(b, "somebody@example.org", time.Hour, 0).Cert().Bytes()
	err := h.store.UpdateKeys(ctx, func(tx *store.KeyTx) error {
		for i := range count {
			address, fingerprint := fmt.Sprintf("user%d@example.org", i), fmt.Sprintf("%040X", i)
			if err := tx.PutCertificate(ctx, fingerprint, blob, noon); err != nil {
				return err
			}
			_, err := tx.Assign(ctx, fingerprint, "local", address)
			if err = errors.Join(err, tx.MarkSeen(ctx, address, noon)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
