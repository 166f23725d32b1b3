package store_test

import (
	"slices"
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
