package store_test

import (
	"testing"
	"time"
)

// TestLedgerStock has a message that is unfinished, one that is finished, and records that count no more.
func TestLedgerStock(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		s := open(t, database)
		for message, last := range map[string]time.Duration{"unfinished": 48 * time.Hour, "finished": time.Hour, "expired": -time.Second} {
			if err := s.RecordSent(t.Context(), message, []string{"a", "b"}, noon.Add(last)); err != nil {
				t.Fatal(err)
			}
		}
		wantClaim(t, s, "unfinished", true)
		stock, err := s.LedgerStock(t.Context(), noon, noon.Add(time.Hour))
		if err != nil || stock.Records != 4 || stock.Unfinished != 1 || stock.Claims != 1 {
			t.Errorf("%+v, %v", stock, err)
		}
		if n, err := s.CountConflicts(t.Context()); err != nil || n != 0 {
			t.Errorf("%d conflicts, %v", n, err)
		}
	})
}

// TestProbe writes, which shows in nothing else that the store tells.
func TestProbe(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		s := open(t, database)
		if read, write := s.Probe(t.Context()); read != nil || write != nil {
			t.Fatal(read, write)
		}
		if since := time.Since(s.Written()); since < 0 || since > time.Hour {
			t.Errorf("written %v ago", since)
		}
		if stock, err := s.LedgerStock(t.Context(), noon, noon); err != nil || stock.Records != 0 || stock.Unfinished != 0 {
			t.Errorf("%+v, %v", stock, err)
		}
		if n, err := s.SweepSent(t.Context(), noon); err != nil || n != 1 {
			t.Errorf("%d records deleted, %v", n, err)
		}
	})
}

// TestProbeTellsWhatFails has a database that can be read, and takes no records.
func TestProbeTellsWhatFails(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		s := open(t, database)
		if err := s.Exec(t.Context(), `ALTER TABLE sent_copy RENAME TO elsewhere`); err != nil {
			t.Fatal(err)
		}
		before := s.Written()
		if read, write := s.Probe(t.Context()); read != nil || write == nil {
			t.Errorf("read: %v, write: %v", read, write)
		}
		if !s.Written().Equal(before) {
			t.Error("a write that has failed counts as one")
		}
		if n := s.WriteFailures(); n != 1 {
			t.Errorf("%d writes have failed", n)
		}
	})
}
