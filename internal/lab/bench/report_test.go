package bench

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/lab/bench/mta"
)

// A goal is reached or not by the numbers of one run, and is left out where there are none.
func TestGoals(t *testing.T) {
	c := Case{Table: copies, Key: commonKeys, Octets: 1 * mb, Recipients: 1}
	row := func(series string, ratio float64) Row {
		return Row{Case: c, Series: series, Ratio: Spread{Median: ratio}}
	}
	for _, tc := range []struct {
		ratio float64
		want  []string
	}{
		{2.4, []string{"1 MB, 1 recipient: go-crypto : sealmilter", "at least 2.5", "2.40", "no"}},
		{5, []string{"1 MB, 1 recipient: go-crypto : sealmilter", "at least 2.5", "5", "yes"}},
	} {
		result := &Result{Rows: []Row{row(sealmilter, 1), row(stockLibrary, tc.ratio)}}
		if rows := result.goals()[0].rows; len(rows) != 1 || !slices.Equal(rows[0], tc.want) {
			t.Errorf("%v times as much: %q", tc.ratio, rows)
		}
	}
	// Neither of the two is the base.
	c = Case{Table: copies, Key: commonKeys, Octets: 10 * kb, Recipients: 100}
	result := &Result{Rows: []Row{row(sealmilter, 1), row(onlyKeys, 0.5), row(throughGnuPG, 90)}}
	rows := result.goals()[0].rows
	if len(rows) != 2 || rows[0][2] != "2" || rows[0][3] != "no" || rows[1][2] != "90" || rows[1][3] != "yes" {
		t.Errorf("%q", rows)
	}
	stored := func(n int, ratio float64) Row {
		return Row{Case: Case{Table: lookup, Key: commonKeys, Certificates: n}, Series: uncached, Ratio: Spread{Median: ratio}}
	}
	result = &Result{Rows: []Row{stored(10, 2), stored(100_000, 3)}}
	if rows := result.goals()[0].rows; len(rows) != 1 || rows[0][2] != "1.50" || rows[0][3] != "no" {
		t.Errorf("%q", rows)
	}
	waiting := func(v mta.Variant, stalled float64) Row {
		c := sent
		c.Sessions = 1
		return Row{Case: c, Series: string(v), Delivery: &Delivery{Stalled: stalled}}
	}
	for tcp, want := range map[float64]string{0.04: "yes", 0.06: "no"} {
		result = &Result{Rows: []Row{waiting(mta.SealUnix, 0.04), waiting(mta.SealTCP, tcp)}}
		if rows := result.goals()[0].rows; len(rows) != 1 || rows[0][3] != want {
			t.Errorf("%v: %q", tcp, rows)
		}
	}
	if grids := (&Result{}).grids(); len(grids) != 0 {
		t.Errorf("nothing was measured, and there is %v", grids)
	}
}

// What Postfix has cost becomes rows, compared round by round, and a table.
func TestDeliveries(t *testing.T) {
	load := mta.Load{Messages: 10, Recipients: 1, Size: commonSize, Sessions: 8}
	var figures []mta.Figures
	for round, speed := range []time.Duration{1, 3} {
		figures = append(figures,
			mta.Figures{Variant: mta.NoopTCP, Load: load, Round: round, Elapsed: speed * time.Second, MTA: speed * 50 * time.Millisecond,
				Waited: []time.Duration{time.Millisecond}},
			mta.Figures{Variant: mta.SealTCP, Load: load, Round: round, Elapsed: 2 * speed * time.Second, MTA: speed * 60 * time.Millisecond,
				Milter: speed * 40 * time.Millisecond, Waited: []time.Duration{time.Millisecond}})
	}
	of := traffic{table: throughPostfix}
	result := new(Result)
	for _, s := range mta.Summarize(figures) {
		result.Rows = append(result.Rows, of.row(s, figures))
	}
	row, found := result.find(sent, string(mta.SealTCP))
	if !found || row.Rounds != 2 || row.Ratio != (Spread{2, 2, 2}) || row.CPU != (Spread{0.02, 0.01, 0.03}) || row.Delivery.Throughput != 0.5 {
		t.Errorf("%+v", result.Rows)
	}
	var text strings.Builder
	if err := result.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"throughput of sealmilter-tcp : noop-tcp   at least 0.85      0.500        no", "10 KB, 1 recipient, clients: 8"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, text.String())
		}
	}
}
