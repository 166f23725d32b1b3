package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sealmilter/internal/store"
)

// lasting is the longest time for which a record counts in these tests.
const lasting = 100 * time.Hour

func wantSent(t *testing.T, s *store.Store, message string, at time.Time, want ...string) {
	t.Helper()
	got, err := s.SentCopies(t.Context(), message, at, at.Add(lasting))
	if err != nil {
		t.Fatal(err)
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", message, got, want)
	}
}

func TestLedger(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		s := open(t, database)
		record := func(message string, at time.Time, lifetime time.Duration, copies ...string) {
			t.Helper()
			if err := s.RecordSent(t.Context(), message, copies, at.Add(lifetime)); err != nil {
				t.Fatal(err)
			}
		}
		record("m1", noon, time.Hour, "a")
		record("m1", noon, 2*time.Hour, "b")
		record("m2", noon, time.Hour, "a", "c")
		wantSent(t, s, "m1", noon, "a", "b")
		wantSent(t, s, "m2", noon, "a", "c")
		wantSent(t, s, "m3", noon)
		wantSent(t, s, "m1", noon.Add(time.Hour), "b")
		wantSent(t, open(t, database), "m1", noon, "a", "b")

		// A clock that is put back makes no record last longer.
		wantSent(t, s, "m1", noon.Add(time.Hour-lasting), "a")
		wantSent(t, s, "m1", noon.Add(-lasting))

		record("m2", noon, 3*time.Hour, "a")
		wantSent(t, s, "m2", noon.Add(2*time.Hour), "a")

		at := noon.Add(90 * time.Minute) // a counts no more
		if err := s.ExpireSent(t.Context(), "m1", at, at.Add(lasting), at.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		wantSent(t, s, "m1", at, "b")
		wantSent(t, s, "m1", at.Add(time.Minute))
		wantSent(t, s, "m2", at, "a")

		if err := s.ForgetSent(t.Context(), "m1"); err != nil {
			t.Fatal(err)
		}
		wantSent(t, s, "m1", noon)
		wantSent(t, s, "m2", noon, "a", "c")
		if err := s.Flush(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestLedgerAtOnce has many messages record copies side by side, some of them the same.
func TestLedgerAtOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		s := open(t, database)
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				for _, name := range []string{"a", "b", "c"} {
					own := fmt.Sprintf("m%d", i)
					err := s.RecordSent(t.Context(), own, []string{name, name, "d"}, noon.Add(time.Hour))
					err = errors.Join(err, s.RecordSent(t.Context(), "common", []string{"x", own}, noon.Add(time.Hour)), s.Flush(t.Context()))
					if err != nil {
						t.Error(err)
					}
					wantSent(t, s, own, noon, append(strings.Split("abc"[:1+strings.Index("abc", name)], ""), "d")...)
				}
			})
		}
		all.Wait()
		wantSent(t, s, "common", noon, "m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9", "x")
	})
}

func TestSweep(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		s := open(t, database)
		var many []string
		for i := range 2500 {
			many = append(many, string(rune('a'+i)))
		}
		for message, copies := range map[string][]string{"old": many, "new": {"a"}} {
			expires := map[string]time.Time{"old": noon, "new": noon.Add(time.Hour)}[message]
			if err := s.RecordSent(t.Context(), message, copies, expires); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range []int64{2500, 0} {
			if n, err := s.SweepSent(t.Context(), noon.Add(time.Minute)); err != nil || n != want {
				t.Errorf("swept %d, %v; want %d", n, err, want)
			}
		}
		wantSent(t, s, "old", noon.Add(-time.Minute))
		wantSent(t, s, "new", noon, "a")
	})
}
