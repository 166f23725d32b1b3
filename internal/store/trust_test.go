package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"sealmilter/internal/store"
)

func TestLookups(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		ctx := t.Context()
		s := open(t, database)
		if l, err := s.Lookup(ctx, "a@example.org", "wkd"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%+v, %v", l, err)
		}
		want := store.Lookup{Address: "a@example.org", Source: "wkd", Outcome: 2, Detail: "no", Asked: noon, Expires: noon.Add(time.Hour)}
		other := want
		other.Source = "vks"
		generation, _ := s.KeyGeneration(ctx)
		for _, l := range []store.Lookup{{Address: "a@example.org", Source: "wkd", Asked: noon.Add(-time.Hour)}, want, other} {
			update(t, s, func(tx *store.KeyTx) error { return tx.PutLookup(ctx, l) })
		}
		if l, err := s.Lookup(ctx, "a@example.org", "wkd"); err != nil || l != want {
			t.Errorf("%+v, %v", l, err)
		}
		if now, err := s.KeyGeneration(ctx); err != nil || now != generation {
			t.Errorf("what a source said raised the generation from %d to %d, %v", generation, now, err)
		}
		update(t, s, func(tx *store.KeyTx) error { return tx.ForgetLookups(ctx, noon) })
		if _, err := s.Lookup(ctx, "a@example.org", "wkd"); err != nil {
			t.Errorf("forgotten too early: %v", err)
		}
		update(t, s, func(tx *store.KeyTx) error { return tx.ForgetLookups(ctx, noon.Add(time.Second)) })
		if _, err := s.Lookup(ctx, "a@example.org", "wkd"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("not forgotten: %v", err)
		}
	})
}

func TestKeyServices(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		ctx := t.Context()
		s := open(t, database)
		if k, err := s.KeyService(ctx, "example.org", "wkd"); err != nil || k != (store.KeyService{Domain: "example.org", Source: "wkd"}) {
			t.Errorf("%+v, %v", k, err)
		}
		silent := store.KeyService{Domain: "example.org", Source: "wkd", Silent: noon, Asked: noon.Add(time.Hour)}
		serving := store.KeyService{Domain: "example.org", Source: "dane", Served: noon, Inquired: noon}
		for i, k := range []store.KeyService{silent, serving} {
			update(t, s, func(tx *store.KeyTx) error { return tx.PutKeyService(ctx, k) })
			if got, err := s.KeyService(ctx, k.Domain, k.Source); err != nil || got != k {
				t.Errorf("%+v, want %+v, %v", got, k, err)
			}
			if serves, err := s.Serves(ctx, "example.org"); err != nil || serves != (i == 1) {
				t.Errorf("after %+v: serves %t, %v", k, serves, err)
			}
		}
	})
}

func TestPins(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		ctx := t.Context()
		s := open(t, database)
		pin := store.Pin{Address: "a@example.org", Fingerprint: "AA", Level: 2, Source: "wkd", Pinned: noon, Refresh: noon.Add(time.Hour), Former: "CC DD"}
		set := func(p store.Pin) {
			t.Helper()
			update(t, s, func(tx *store.KeyTx) error { return tx.SetPin(ctx, p) })
		}
		before, _ := s.KeyGeneration(ctx)
		set(store.Pin{Address: "a@example.org", Fingerprint: "BB"})
		set(pin)
		if after, err := s.KeyGeneration(ctx); err != nil || after != before+2 {
			t.Errorf("two pins raised the generation from %d to %d, %v", before, after, err)
		}
		if p, err := s.Pin(ctx, "a@example.org"); err != nil || p != pin {
			t.Errorf("%+v, %v", p, err)
		}
		if all, err := s.PinsTo(ctx, "AA"); err != nil || len(all) != 1 || all[0] != pin {
			t.Errorf("%+v, %v", all, err)
		}
		if all, err := s.PinsTo(ctx, "BB"); err != nil || len(all) > 0 {
			t.Errorf("the old pin is still there: %+v, %v", all, err)
		}

		const more = 200
		for i := range more {
			set(store.Pin{Address: fmt.Sprintf("b%03d@example.org", i), Fingerprint: "CC", Refresh: noon.Add(2 * time.Hour)})
		}
		count := 0
		for _, err := range s.Pins(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			count++
		}
		if n, err := s.CountPins(ctx); err != nil || n != more+1 || count != n {
			t.Errorf("%d pins counted, %d listed, want %d, %v", n, count, more+1, err)
		}

		due, next, never := noon.Add(time.Hour), noon.Add(24*time.Hour), noon.Add(1e6*time.Hour)
		if p, err := s.ClaimRefresh(ctx, noon, noon, never); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%+v is refreshed too early, %v", p, err)
		}
		if p, err := s.ClaimRefresh(ctx, due, next, next); err != nil || p != pin {
			t.Errorf("%+v, %v", p, err)
		}
		if p, err := s.ClaimRefresh(ctx, due, next, next); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%+v is refreshed twice, %v", p, err)
		}
		if p, err := s.Pin(ctx, "a@example.org"); err != nil || !p.Refresh.Equal(next) {
			t.Errorf("%+v, %v", p, err)
		}
		if p, err := s.ClaimRefresh(ctx, noon, due, noon.Add(2*time.Hour)); err != nil || p.Address != "a@example.org" {
			t.Errorf("put off beyond the latest time: %+v, %v", p, err)
		}
		if p, err := s.ClaimRefresh(ctx, noon, due, noon.Add(2*time.Hour)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%+v is refreshed twice, %v", p, err)
		}

		update(t, s, func(tx *store.KeyTx) error {
			for _, want := range []bool{true, false} {
				if found, err := tx.RemovePin(ctx, "a@example.org"); err != nil || found != want {
					t.Errorf("removed %t, %v", found, err)
				}
			}
			return nil
		})
	})
}

func TestConflicts(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		ctx := t.Context()
		s := open(t, database)
		add := func(c store.Conflict, want bool) {
			t.Helper()
			update(t, s, func(tx *store.KeyTx) error {
				added, err := tx.AddConflict(ctx, c)
				if added != want {
					t.Errorf("%+v is new: %t", c, added)
				}
				return err
			})
		}
		wkd := store.Conflict{Address: "a@example.org", Fingerprint: "AA", Source: "wkd", Level: 2, Why: "because", Since: noon}
		vks := store.Conflict{Address: "a@example.org", Fingerprint: "BB", Source: "vks", Level: 1, Since: noon}
		other := store.Conflict{Address: "b@example.org", Fingerprint: "AA", Source: "wkd", Since: noon}
		add(wkd, true)
		add(wkd, false)
		add(vks, true)
		add(other, true)
		want := func(address string, want ...store.Conflict) {
			t.Helper()
			got, err := s.Conflicts(ctx, address)
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%q: %+v, want %+v, %v", address, got, want, err)
			}
		}
		want("", wkd, vks, other)
		want("a@example.org", wkd, vks)
		remove := func(address, source string, want bool) {
			t.Helper()
			update(t, s, func(tx *store.KeyTx) error {
				found, err := tx.RemoveConflicts(ctx, address, source)
				if found != want {
					t.Errorf("%s, %q: removed %t", address, source, found)
				}
				return err
			})
		}
		remove("a@example.org", "hkp", false)
		remove("a@example.org", "vks", true)
		want("a@example.org", wkd)
		remove("a@example.org", "", true)
		want("", other)
	})
}
