package keys_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/store"
	"sealmilter/keys"
)

// TestProspects looks at certificates that are in use and those that may be, near their end and beyond it.
func TestProspects(t *testing.T) {
	h := newHost(t)
	cert := func(address string, lifetime time.Duration) *crypto.Cert {
		c := generate(t, address, 20*day, lifetime).Cert()
		if err := h.local.Import(t.Context(), bytes.NewReader(c.Bytes()), keys.ImportOptions{}, func(keys.Imported) {}); err != nil {
			t.Fatal(err)
		}
		return c
	}
	cert("ever@example.org", 0)
	cert("soon@example.org", 40*day)
	cert("over@example.org", 10*day)
	cert("unpinned@example.org", 10*day)
	cert("unpinned@example.org", 60*day) // lasts longest
	cert("unpinned@example.org", 30*day)
	old := cert("pinned@example.org", 10*day)
	cert("pinned@example.org", 0)
	err := h.store.UpdateKeys(t.Context(), func(tx *store.KeyTx) error {
		return errors.Join(tx.SetPin(t.Context(), store.Pin{Address: "pinned@example.org", Fingerprint: old.Fingerprint(), Source: "wkd"}),
			tx.SetPin(t.Context(), store.Pin{Address: "gone@example.org", Fingerprint: "AA", Source: "dane"}),
			tx.PutCertificate(t.Context(), "BB", []byte("no certificate"), noon),
			tx.SetPin(t.Context(), store.Pin{Address: "odd@example.org", Fingerprint: "BB", Source: "vks"}))
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for p, err := range h.local.Prospects(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		left := "for ever"
		if !p.Expires.IsZero() {
			left = fmt.Sprint(int(p.Expires.Sub(h.clock.Now()).Hours() / 24))
		}
		got = append(got, fmt.Sprintf("%s %s %s usable:%t expired:%t expiring:%t", p.Address, p.Source, left, p.Err == nil, p.Expired(), p.Expiring(h.clock.Now())))
	}
	want := []string{
		"gone@example.org dane for ever usable:false expired:false expiring:false",
		"odd@example.org vks for ever usable:false expired:false expiring:false",
		"pinned@example.org wkd -10 usable:false expired:true expiring:false",
		"ever@example.org local for ever usable:true expired:false expiring:false",
		"over@example.org local -10 usable:false expired:true expiring:false",
		"soon@example.org local 20 usable:true expired:false expiring:true",
		"unpinned@example.org local 40 usable:true expired:false expiring:false",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	for range h.local.Prospects(t.Context()) {
		break
	}
}

// BenchmarkProspects measures one look at 10,000 certificates.
func BenchmarkProspects(b *testing.B) {
	h := newHost(b)
	fill(b, h, []*generated{newGenerated(b, 0)}, 10_000)
	for b.Loop() {
		n := 0
		for _, err := range h.local.Prospects(b.Context()) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 10_000 {
			b.Fatal(n)
		}
	}
}
