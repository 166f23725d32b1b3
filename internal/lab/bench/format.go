package bench

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// size writes a size as people do: "10 KB" has 1024 times ten octets.
func size[N int | uint64](octets N) string {
	switch n := float64(octets); {
	case n >= 1<<20:
		return short(n/(1<<20)) + " MB"
	case n >= 1<<10:
		return short(n/(1<<10)) + " KB"
	default:
		return fmt.Sprint(octets, " octets")
	}
}

// short writes a number with three significant digits.
func short(x float64) string {
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return fmt.Sprint(x)
	}
	digits := max(0, 2-int(math.Floor(math.Log10(math.Abs(x)))))
	s := strconv.FormatFloat(x, 'f', digits, 64)
	if rounded, err := strconv.ParseFloat(s, 64); err == nil && rounded == math.Trunc(rounded) {
		return strconv.FormatFloat(rounded, 'f', 0, 64)
	}
	return s
}

// milliseconds writes a time.
func milliseconds(seconds float64) string { return short(seconds*1000) + " ms" }

// day writes a date.
func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
