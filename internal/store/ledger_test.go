package store_test

import (
	"slices"
	"testing"
	"time"

	"sealmilter/internal/store"
)

func wantSent(t *testing.T, s *store.Store, message string, at time.Time, want ...string) {
	t.Helper()
	got, err := s.SentCopies(t.Context(), message, at)
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
		record := func(message, copy string, at time.Time, lifetime time.Duration) {
			t.Helper()
			if err := s.RecordSent(t.Context(), message, copy, at, at.Add(lifetime)); err != nil {
				t.Fatal(err)
			}
		}
		record("m1", "a", noon, time.Hour)
		record("m1", "b", noon, 2*time.Hour)
		record("m2", "a", noon, time.Hour)
		wantSent(t, s, "m1", noon, "a", "b")
		wantSent(t, s, "m2", noon, "a")
		wantSent(t, s, "m3", noon)
		wantSent(t, s, "m1", noon.Add(time.Hour), "b")
		wantSent(t, open(t, database), "m1", noon, "a", "b")

		record("m2", "a", noon, 3*time.Hour)
		wantSent(t, s, "m2", noon.Add(2*time.Hour), "a")

		if err := s.ExpireSent(t.Context(), "m1", []string{"b", "c"}, noon.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		wantSent(t, s, "m1", noon.Add(time.Minute), "a")
		wantSent(t, s, "m2", noon.Add(time.Minute), "a")

		record("m3", "a", noon.Add(time.Hour), time.Hour)
		wantSent(t, s, "m1", noon) // deleted when m3 was recorded
	})
}
