package store_test

import (
	"fmt"
	"slices"
	"testing"

	"sealmilter/internal/store"
)

func TestCorrespondence(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		s := open(t, database)
		put := func(day int64, pairs ...string) {
			t.Helper()
			if err := s.PutCorrespondence(t.Context(), pairs, day); err != nil {
				t.Fatal(err)
			}
		}
		want := func(pair string, first, last int64, want bool) {
			t.Helper()
			if got, err := s.Corresponded(t.Context(), pair, first, last); err != nil || got != want {
				t.Errorf("%s from %d to %d: %t, %v", pair, first, last, got, err)
			}
		}
		want("ab", 0, 100, false)
		put(10)
		put(10, "ab", "ac")
		want("ab", 10, 10, true)
		want("ab", 11, 20, false)
		want("ab", 0, 9, false)
		want("ba", 0, 100, false)
		put(12, "ab")
		put(11, "ab") // by a clock that is behind
		want("ab", 12, 12, true)
		want("ac", 10, 10, true)

		put(90, "ahead")
		if n, err := s.SweepCorrespondence(t.Context(), 11, 50); err != nil || n != 2 {
			t.Errorf("%d deleted, %v", n, err)
		}
		want("ab", 0, 100, true)
		want("ac", 0, 100, false)
		want("ahead", 0, 100, false)
	})
}

// TestCorrespondenceOfMany needs several statements.
func TestCorrespondenceOfMany(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		s := open(t, database)
		var pairs []string
		for i := range 2100 {
			pairs = append(pairs, fmt.Sprint("pair ", i))
		}
		for range 2 {
			if err := s.PutCorrespondence(t.Context(), pairs, 10); err != nil {
				t.Fatal(err)
			}
		}
		for _, pair := range []string{pairs[0], pairs[499], pairs[500], pairs[2099]} {
			if known, err := s.Corresponded(t.Context(), pair, 10, 10); err != nil || !known {
				t.Errorf("%s: %t, %v", pair, known, err)
			}
		}
		if n, err := s.SweepCorrespondence(t.Context(), 11, 50); err != nil || n != 2100 {
			t.Errorf("%d deleted, %v", n, err)
		}
	})
}

func TestSendersAmong(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		s := open(t, database)
		update(t, s, func(tx *store.KeyTx) error {
			for _, address := range []string{"a@example.org", "b@example.org", "c@example.org"} {
				if _, err := tx.SetSender(t.Context(), address, "AA", noon); err != nil {
					return err
				}
			}
			return nil
		})
		asked := []string{"a@example.org"}
		for i := range 1200 {
			asked = append(asked, fmt.Sprint(i, "@example.net"))
		}
		asked = append(asked, "c@example.org", "d@example.org")
		got, err := s.SendersAmong(t.Context(), asked)
		slices.Sort(got)
		if err != nil || !slices.Equal(got, []string{"a@example.org", "c@example.org"}) {
			t.Errorf("%q, %v", got, err)
		}
		if got, err := s.SendersAmong(t.Context(), nil); err != nil || len(got) != 0 {
			t.Errorf("of nobody: %q, %v", got, err)
		}
	})
}
