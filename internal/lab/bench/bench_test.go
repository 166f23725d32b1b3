package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// helping makes the test program a process that measures memory.
const helping = "SEALMILTER_TEST_BENCH_HELPER"

func TestMain(m *testing.M) {
	if os.Getenv(helping) == "" {
		os.Exit(m.Run())
	}
	if err := Help(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func config(t *testing.T) Config {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Config{Quick: true, Helper: []string{"env", helping + "=1", program}, Now: time.Now, Fetching: t.Output()}
}

// TestRun has everything measured once. How long anything takes is nothing to it.
func TestRun(t *testing.T) {
	result, err := Run(t.Context(), config(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, series := range everybody {
		row, found := result.find(Case{Table: copies, Key: commonKeys, Octets: commonSize, Recipients: 2}, series)
		if !found || row.CPU.Median <= 0 || row.Wall.Median <= 0 || row.Ratio.Median <= 0 || row.Peak < 1*mb || row.Extrapolated() {
			t.Errorf("%s: %+v, found %v", series, row, found)
		}
	}
	for _, program := range []string{throughGnuPG, throughSq, throughRNP} {
		if !strings.Contains(result.Versions[program], ".") {
			t.Errorf("%s is of version %q", program, result.Versions[program])
		}
	}
	for _, table := range []string{copies, lookup, growRecipients, growMessage, growSessions, growClients} {
		if len(result.cases(table, commonKeys)) < 2 {
			t.Errorf("the table %s has the cases %v", table, result.cases(table, commonKeys))
		}
	}
	var text strings.Builder
	if err := result.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, g := range result.grids() {
		for _, row := range g.rows {
			if len(row) != len(g.header) || slices.Contains(row, nothing) {
				t.Errorf("%s: the row %q below %q", g.title, row, g.header)
			}
		}
		if !strings.Contains(text.String(), g.title) {
			t.Errorf("the text lacks the table %s:\n%s", g.title, text.String())
		}
	}
}

func TestOnly(t *testing.T) {
	c := config(t)
	c.Only = regexp.MustCompile("^copies/.*/x2$")
	result, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Rows) != len(everybody) || result.Rows[0].Recipients != 2 {
		t.Errorf("%+v", result.Rows)
	}
}

// Turns are taken as often as the pace says, each entry is compared with the base of the same round, and a part of a case
// counts as a part.
func TestBout(t *testing.T) {
	var order []string
	spending := func(name string, cpu ...time.Duration) entry {
		calls := 0
		return entry{Case{Table: "t"}, name, func(_ context.Context, n int) (usage, error) {
			order = append(order, fmt.Sprint(name, n))
			u := usage{cpu: cpu[min(calls, len(cpu)-1)] * time.Duration(n), wall: time.Second, allocated: uint64(30 * n), allocations: uint64(3 * n)}
			calls++
			return u, nil
		}, 1}
	}
	half := spending("b", 3*time.Millisecond, 1*time.Millisecond, 3*time.Millisecond, 8*time.Millisecond)
	half.part = 0.5
	b := bout{[]entry{spending("a", 1*time.Millisecond, 1*time.Millisecond, 2*time.Millisecond, 4*time.Millisecond), half}, 0}
	rows, err := b.run(t.Context(), pace{3, 2 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(order, " "), "a1 b1 a2 b1 b1 a2 a2 b1"; got != want {
		t.Errorf("turns are %s, not %s", got, want)
	}
	if got, want := rows[0].CPU, (Spread{0.002, 0.001, 0.004}); got != want {
		t.Errorf("a takes %v, not %v", got, want)
	}
	if got, want := rows[1].CPU, (Spread{0.006, 0.002, 0.016}); got != want {
		t.Errorf("b takes %v, not %v", got, want)
	}
	if got, want := rows[1].Ratio, (Spread{3, 2, 4}); got != want {
		t.Errorf("b takes %v times what a does, not %v", got, want)
	}
	if rows[0].Extrapolated() || !rows[1].Extrapolated() || rows[0].Allocated != 30 || rows[0].Allocations != 3 || rows[1].Allocations != 6 {
		t.Errorf("%+v", rows)
	}
}

func TestSpread(t *testing.T) {
	for _, tc := range []struct {
		values []float64
		want   Spread
	}{
		{nil, Spread{}},
		{[]float64{3}, Spread{3, 3, 3}},
		{[]float64{9, 1}, Spread{5, 1, 9}},
		{[]float64{9, 1, 2}, Spread{2, 1, 9}},
	} {
		if got := spreadOf(tc.values); got != tc.want {
			t.Errorf("%v has the spread %v, not %v", tc.values, got, tc.want)
		}
	}
}

func TestShort(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 0.01234: "0.0123", 0.9999: "1", 1: "1", 1.25: "1.25", 12.34: "12.3", 123.4: "123", 123456: "123456",
		math.Inf(1): "+Inf"} {
		if got := short(x); got != want {
			t.Errorf("%v is written %s, not %s", x, got, want)
		}
	}
}

func TestCaseString(t *testing.T) {
	for want, c := range map[string]Case{
		"copies/RSA-4096/25MB/x100":          {Table: copies, Key: "RSA-4096", Octets: 25 * mb, Recipients: 100},
		"lookup/Ed25519/certificates=100000": {Table: lookup, Key: "Ed25519", Certificates: 100_000},
		"sessions/10KB/x1/sessions=200":      {Table: growSessions, Octets: 10 * kb, Recipients: 1, Sessions: 200},
	} {
		if got := c.String(); got != want {
			t.Errorf("%+v is %s, not %s", c, got, want)
		}
	}
}

// The page has what comes out in the places for it, and the rest as it was.
func TestUpdatePage(t *testing.T) {
	c := config(t)
	c.Only = regexp.MustCompile("^(recipients|lookup)/")
	result, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(t.TempDir(), "speed.md")
	place := func(part, text string) string { return fmt.Sprintf(partBegin, part) + text + partEnd }
	write := func(text string) {
		if err := os.WriteFile(page, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# Speed\n" + place("run", "") + place(lookup, "old\n") + "It bends.\n" + place(growRecipients, "") + place(copies, "old\n") + "The end.\n")
	for range 2 { // it may be updated again
		if err := UpdatePage(t.Context(), t.Output(), page, result); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# Speed\n<!--", "| 10 |", partEnd + "It bends.\n", "![Looking up a key](speed/lookup.svg)\n" + partEnd,
		"](speed/recipients.svg)\n", place(copies, "Not measured.\n") + "The end.\n"} {
		if strings.Count(string(text), want) != 1 {
			t.Errorf("the page has %q not once:\n%s", want, text)
		}
	}
	for _, file := range []string{"lookup.svg", "recipients.svg"} {
		svg, err := os.ReadFile(filepath.Join(filepath.Dir(page), "speed", file))
		if err != nil || !strings.Contains(string(svg), "</svg>") {
			t.Errorf("%s: %.100q, %v", file, svg, err)
		}
	}
	var read Result
	object, err := os.ReadFile(filepath.Join(filepath.Dir(page), "speed", "bench.json"))
	if err = errors.Join(err, json.Unmarshal(object, &read)); err != nil || !reflect.DeepEqual(&read, result) {
		t.Errorf("what is read again is not what was written: %v\n%s", err, object)
	}
	for _, broken := range []string{
		place("run", "") + place(lookup, ""), // without a place for recipients
		place("run", "") + place(growRecipients, "") + fmt.Sprintf(partBegin, lookup),
	} {
		write(broken)
		if err := UpdatePage(t.Context(), t.Output(), page, result); err == nil {
			t.Errorf("a page is taken without a place for what comes out: %s", broken)
		}
	}
}

// What was measured before somebody interrupts is not lost.
func TestRunInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := config(t)
	c.Only = regexp.MustCompile("^recipients/")
	c.Progress = func(name string) {
		if strings.HasSuffix(name, "/x3") {
			cancel()
		}
	}
	result, err := Run(ctx, c)
	if !errors.Is(err, context.Canceled) || len(result.Rows) != 4 {
		t.Errorf("%v, %+v", err, result.Rows)
	}
}
