package bench

import (
	"fmt"

	"sealmilter/internal/lab/bench/mta"
)

// goal is a number to reach.
type goal struct {
	what, limit string
	// measured returns the number and whether it is reached; false if there are no rows for it.
	measured func(r *Result) (text string, reached, known bool)
}

// goals compares what was measured with what is wanted.
func (r *Result) goals() []grid {
	g := grid{part: "goals", title: "Goals", about: "Ratios of processor times within one run, median of the rounds.",
		header: []string{"what", "goal", "measured", "reached"}}
	for _, goal := range wanted() {
		text, reached, known := goal.measured(r)
		if !known {
			continue
		}
		g.rows = append(g.rows, []string{goal.what, goal.limit, text, map[bool]string{true: "yes", false: "no"}[reached]})
	}
	return []grid{g}
}

func wanted() []goal {
	sealing := func(octets, recipients int) Case {
		return Case{Table: copies, Key: commonKeys, Octets: octets, Recipients: recipients}
	}
	stored := func(n int) Case { return Case{Table: lookup, Key: commonKeys, Certificates: n} }
	return []goal{
		atMost(1.25, sealmilter, sealing(10*kb, 100), onlyKeys),
		atLeast(80, throughGnuPG, sealing(10*kb, 100), sealmilter),
		atLeast(80, stockLibrary, sealing(1*mb, 100), sealmilter),
		atLeast(40, stockLibrary, sealing(25*mb, 20), sealmilter),
		atLeast(2.5, stockLibrary, sealing(1*mb, 1), sealmilter),
		atLeast(3, stockLibrary, sealing(25*mb, 1), sealmilter),
		atMost(0.6, sealmilter, sealing(25*mb, 1), throughGnuPG),
		{"a lookup among 100,000 certificates : among 10", "at most 1.2", func(r *Result) (string, bool, bool) {
			few, a := r.find(stored(10), uncached)
			many, b := r.find(stored(100_000), uncached)
			return bounded(many.Ratio.Median/few.Ratio.Median, 1.2, a && b)
		}},
		{"a lookup in memory : a session-key packet", "at most 0.1", func(r *Result) (string, bool, bool) {
			row, found := r.find(stored(100_000), cached)
			return bounded(row.Ratio.Median, 0.1, found)
		}},
		{"opening the store with 100,000 certificates", "less than 1 s", func(r *Result) (string, bool, bool) {
			row, found := r.find(stored(100_000), openStore)
			return milliseconds(row.Wall.Median), row.Wall.Median < 1, found
		}},
		throughput(mta.SealUnix),
		throughput(mta.SealTCP),
		{"messages from one client that stall for 40 ms over TCP", "no more than over a Unix socket", stalls},
		{"memory for a message of 25 MB to 100 recipients", "at most 40 MB and 3 times the message", func(r *Result) (string, bool, bool) {
			row, found := r.find(sealing(25*mb, 100), sealmilter)
			return size(row.Peak), row.Peak <= 40*mb+3*25*mb, found
		}},
	}
}

// sent is the message that goes through Postfix in the goals.
var sent = Case{Table: throughPostfix, Key: commonKeys, Octets: commonSize, Recipients: 1, Sessions: 8}

// throughput is about messages per second.
func throughput(v mta.Variant) goal {
	what := fmt.Sprintf("%s, %s: throughput of %s : %s", size(sent.Octets), recipients(sent.Recipients), v, v.Base())
	return goal{what, "at least 0.85", func(r *Result) (string, bool, bool) {
		row, found := r.find(sent, string(v))
		if !found {
			return "", false, false
		}
		return short(row.Delivery.Throughput), row.Delivery.Throughput >= 0.85, true
	}}
}

// stalls compares with the other kind of socket: a busy machine has clients wait whatever the socket is.
func stalls(r *Result) (text string, reached, known bool) {
	alone := sent
	alone.Sessions = 1
	tcp, a := r.find(alone, string(mta.SealTCP))
	unix, b := r.find(alone, string(mta.SealUnix))
	if !a || !b {
		return "", false, false
	}
	const chance = 0.01
	over, beside := tcp.Delivery.Stalled, unix.Delivery.Stalled
	return fmt.Sprintf("%s %% against %s %%", short(100*over), short(100*beside)), over <= beside+chance, true
}

// atMost and atLeast are about the processor time of one series against that of another, one of which is sealmilter.
func atMost(limit float64, series string, c Case, other string) goal {
	return goal{describe(series, c, other), fmt.Sprint("at most ", limit), func(r *Result) (string, bool, bool) {
		ratio, known := r.ratio(series, c, other)
		return bounded(ratio, limit, known)
	}}
}

func atLeast(limit float64, series string, c Case, other string) goal {
	return goal{describe(series, c, other), fmt.Sprint("at least ", limit), func(r *Result) (string, bool, bool) {
		ratio, known := r.ratio(series, c, other)
		return short(ratio), ratio >= limit, known
	}}
}

func describe(series string, c Case, other string) string {
	return fmt.Sprintf("%s, %s: %s : %s", size(c.Octets), recipients(c.Recipients), series, other)
}

func bounded(ratio, limit float64, known bool) (string, bool, bool) {
	return short(ratio), ratio <= limit, known
}

// ratio is that of the processor times of two series.
func (r *Result) ratio(series string, c Case, other string) (float64, bool) {
	a, foundA := r.find(c, series)
	b, foundB := r.find(c, other)
	if !foundA || !foundB || b.Ratio.Median == 0 {
		return 0, false
	}
	return a.Ratio.Median / b.Ratio.Median, true // both are to the same base in the same rounds
}
