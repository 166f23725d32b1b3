package store_test

import (
	"fmt"
	"slices"
	"testing"

	"sealmilter/internal/store"
)

// TestCertificatesInUse has more of them than a page, of which one page ends between two certificates of an address.
func TestCertificatesInUse(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		ctx, s := t.Context(), open(t, database)
		var want []string
		var unpinned []string
		update(t, s, func(tx *store.KeyTx) error {
			for _, fingerprint := range []string{"AA", "BB"} {
				if err := tx.PutCertificate(ctx, fingerprint, []byte(fingerprint+" octets"), noon); err != nil {
					return err
				}
			}
			if err := tx.SetPin(ctx, store.Pin{Address: "gone@example.org", Fingerprint: "CC", Source: "wkd"}); err != nil {
				return err
			}
			want = append(want, "gone@example.org wkd CC true \"\"")
			for i := range 200 {
				address := fmt.Sprintf("u%03d@example.org", i)
				if i%2 == 0 {
					if err := tx.SetPin(ctx, store.Pin{Address: address, Fingerprint: "AA", Source: "dane"}); err != nil {
						return err
					}
					want = append(want, address+` dane AA true "AA octets"`)
				}
				for _, source := range []string{"local", "wkd"} {
					if _, err := tx.AddService(ctx, "AA", source, 2, address); err != nil {
						return err
					}
				}
				if _, err := tx.AddService(ctx, "BB", "local", 2, address); err != nil {
					return err
				}
				if i%2 == 1 {
					unpinned = append(unpinned, address+` local AA false "AA octets"`, address+` local BB false "BB octets"`)
				}
			}
			return nil
		})
		var got []string
		for u, err := range s.CertificatesInUse(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%s %s %s %t %q", u.Address, u.Source, u.Fingerprint, u.Pinned, u.Blob))
		}
		if want = append(want, unpinned...); !slices.Equal(got, want) {
			t.Errorf("%d of %d: %q", len(got), len(want), got[:min(3, len(got))])
		}
		for range s.CertificatesInUse(ctx) {
			break
		}
	})
}
