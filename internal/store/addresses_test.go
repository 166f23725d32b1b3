package store_test

import (
	"fmt"
	"slices"
	"testing"

	"sealmilter/internal/store"
)

// TestAddresses: the list of addresses has those of pins and of sources, each once, in pages that go both ways.
func TestAddresses(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		ctx := t.Context()
		s := open(t, database)
		var every []string
		update(t, s, func(tx *store.KeyTx) error {
			if err := tx.PutCertificate(ctx, "AA", []byte("cert"), noon); err != nil {
				return err
			}
			for i := range 25 {
				address := fmt.Sprintf("u%02d@example.org", i)
				every = append(every, address)
				if i%2 == 0 {
					if err := tx.SetPin(ctx, store.Pin{Address: address, Fingerprint: "AA"}); err != nil {
						return err
					}
				}
				for _, source := range []string{"local", "wkd"} {
					if i%3 == 0 || i%2 == 1 {
						if _, err := tx.AddService(ctx, "AA", source, 2, address); err != nil {
							return err
						}
					}
				}
			}
			return tx.SetPin(ctx, store.Pin{Address: `100%_\@example.net`, Fingerprint: "AA"})
		})
		all := append([]string{`100%_\@example.net`}, every...)
		for _, tc := range []struct {
			page store.AddressPage
			want []string
			more bool
		}{
			{store.AddressPage{Limit: 10}, all[:10], true},
			{store.AddressPage{Limit: 10, After: all[9]}, all[10:20], true},
			{store.AddressPage{Limit: 10, After: all[19]}, all[20:], false},
			{store.AddressPage{Limit: 10, Before: all[20]}, all[10:20], true},
			{store.AddressPage{Limit: 10, Before: all[10]}, all[:10], false},
			{store.AddressPage{Limit: 26}, all, false},
			{store.AddressPage{Limit: 3, Search: "u1"}, all[11:14], true},
			{store.AddressPage{Limit: 3, Search: "u1", After: all[18]}, all[19:21], false},
			{store.AddressPage{Limit: 3, Search: `%_\`}, all[:1], false},
			{store.AddressPage{Limit: 3, Search: `_`}, all[:1], false},
			{store.AddressPage{Limit: 3, Search: `' OR 1=1`}, nil, false},
		} {
			got, more, err := s.Addresses(ctx, tc.page)
			if err != nil || more != tc.more || !slices.Equal(got, tc.want) {
				t.Errorf("%+v: %q, more %t, %v; want %q, %t", tc.page, got, more, err, tc.want, tc.more)
			}
		}
		if n, err := s.CountAddresses(ctx); err != nil || n != len(all) {
			t.Errorf("%d addresses, want %d, %v", n, len(all), err)
		}
	})
}
