package store_test

import (
	"fmt"
	"slices"
	"strings"
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

// TestPageOfCertificatesIsFoundAtOnce looks at the plan: what sorts all that is left for each page takes minutes for 100,000.
func TestPageOfCertificatesIsFoundAtOnce(t *testing.T) {
	plan, err := open(t, private(t)).PlanOfUnpinned(t.Context())
	if err != nil || len(plan) == 0 {
		t.Fatal(plan, err)
	}
	for _, step := range plan {
		if strings.Contains(step, "B-TREE") || strings.HasPrefix(step, "SCAN a") || strings.HasPrefix(step, "SCAN c") {
			t.Errorf("%q", plan)
		}
	}
}
