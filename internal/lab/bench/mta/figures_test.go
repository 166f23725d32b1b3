package mta

import (
	"math"
	"strings"
	"testing"
	"time"
)

// TestSummarize has rounds of different speed, in which a variant always needs twice the time of its base.
func TestSummarize(t *testing.T) {
	load := Load{Messages: 100, Recipients: 1, Size: 10, Sessions: 1}
	var all []Figures
	for round, speed := range []time.Duration{1, 4, 2} {
		waited := []time.Duration{time.Millisecond, 2 * time.Millisecond, 3 * time.Millisecond, 50 * time.Millisecond}
		all = append(all,
			Figures{Variant: NoopTCP, Load: load, Round: round, Elapsed: speed * time.Second, MTA: speed * 200 * time.Millisecond, Milter: speed * 100 * time.Millisecond, Waited: waited[:3]},
			Figures{Variant: SealTCP, Load: load, Round: round, Elapsed: 2 * speed * time.Second, MTA: speed * 300 * time.Millisecond, Milter: speed * 300 * time.Millisecond, Waited: waited},
		)
	}
	got := Summarize(all)
	want := []Summary{
		{Variant: NoopTCP, Load: load, PerSecond: 50, MTA: 4, Milter: 2, Throughput: 1, Work: 1, Median: 2, Last: 3},
		{Variant: SealTCP, Load: load, PerSecond: 25, MTA: 6, Milter: 6, Throughput: 0.5, Work: 0.5, Median: 3, Last: 50, Stalled: 0.25},
	}
	if len(got) != len(want) {
		t.Fatalf("%d summaries", len(got))
	}
	for i := range want {
		if !near(got[i], want[i]) {
			t.Errorf("%+v\nwant %+v", got[i], want[i])
		}
	}
	var table strings.Builder
	if err := WriteTable(&table, got); err != nil || strings.Count(table.String(), "\n") != 5 {
		t.Errorf("%v\n%s", err, table.String())
	}
}

func near(a, b Summary) bool {
	numbers := func(s Summary) []float64 {
		return []float64{s.PerSecond, s.MTA, s.Milter, s.Throughput, s.Work, s.Median, s.Last, s.Stalled}
	}
	for i, x := range numbers(a) {
		if math.Abs(x-numbers(b)[i]) > 1e-9 {
			return false
		}
	}
	return a.Variant == b.Variant && a.Load == b.Load
}

// TestSummarizeWithoutBase has nothing to compare with.
func TestSummarizeWithoutBase(t *testing.T) {
	got := Summarize([]Figures{{Variant: SealUnix, Load: Load{Messages: 1}, Elapsed: time.Second, MTA: time.Second}})
	if len(got) != 1 || got[0].Throughput != 0 || got[0].PerSecond != 1 {
		t.Errorf("%+v", got)
	}
}
