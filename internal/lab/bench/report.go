package bench

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// nothing is in a cell that was not measured.
const nothing = "-"

// WriteText writes all tables for a terminal.
func (r *Result) WriteText(w io.Writer) error {
	text := r.about() + "\n"
	for _, g := range r.grids() {
		text += "\n" + g.text()
	}
	_, err := io.WriteString(w, text)
	return err
}

// about says where and with what the run was.
func (r *Result) about() string {
	m := r.Machine
	words := []string{fmt.Sprintf("%s: %d processors (%s), %s, %s, %s", day(r.Date), m.Processors, m.Processor, m.System, m.Kernel, m.Go)}
	for _, name := range slices.Sorted(maps.Keys(r.Versions)) {
		words = append(words, r.Versions[name])
	}
	return strings.Join(words, "; ") + "."
}

// grids are the tables that there are rows for.
func (r *Result) grids() []grid {
	var all []grid
	for _, table := range []func() []grid{r.goals, r.copiesGrids, r.memoryGrids, r.lookupGrids, r.growthGrids, r.deliveryGrids} {
		for _, g := range table() {
			if len(g.rows) > 0 {
				all = append(all, g)
			}
		}
	}
	return all
}

// cases are those of a table and a kind of key, each once, in the order of the run.
func (r *Result) cases(table, key string) []Case {
	var all []Case
	for _, row := range r.Rows {
		if row.Table == table && row.Key == key && !slices.Contains(all, row.Case) {
			all = append(all, row.Case)
		}
	}
	return all
}

// kinds are the kinds of keys of a table.
func (r *Result) kinds(table string) []string {
	var all []string
	for _, row := range r.Rows {
		if row.Table == table && !slices.Contains(all, row.Key) {
			all = append(all, row.Key)
		}
	}
	return all
}

// cells has a cell for each series.
func (r *Result) cells(label string, c Case, series []string, cell func(Row) string) []string {
	cells := []string{label}
	for _, s := range series {
		if row, found := r.find(c, s); found {
			cells = append(cells, cell(row))
		} else {
			cells = append(cells, nothing)
		}
	}
	return cells
}

// cost is the processor time of a row, and how many times that of its base it is.
func cost(row Row) string {
	text := milliseconds(row.CPU.Median)
	if row.Extrapolated() {
		text = "~" + text
	}
	if row.Series == row.Base && row.BaseCase == nil {
		return text
	}
	return text + ", " + times(row.Ratio)
}

// times writes a ratio with its spread.
func times(s Spread) string {
	if s.Min == s.Max {
		return short(s.Median) + "x"
	}
	return fmt.Sprintf("%sx (%s to %s)", short(s.Median), short(s.Min), short(s.Max))
}

func peak(row Row) string {
	if row.Peak == 0 {
		return nothing
	}
	return size(row.Peak)
}

func recipients(n int) string {
	if n == 1 {
		return "1 recipient"
	}
	return fmt.Sprint(n, " recipients")
}

// everybody are the series of the table of copies.
var everybody = []string{sealmilter, notShared, onlyKeys, stockLibrary, throughGnuPG, throughSq, throughRNP}

func (r *Result) copiesGrids() (all []grid) {
	for _, key := range r.kinds(copies) {
		g := grid{part: copies, title: "Sealing, " + key,
			about: "Processor time for all copies of a message, and how many times that of sealmilter it is " +
				"(median, least and most of the rounds; ~ is extrapolated from fewer copies).",
			header: append([]string{"message"}, everybody...)}
		for _, c := range r.cases(copies, key) {
			g.rows = append(g.rows, r.cells(size(c.Octets)+", "+recipients(c.Recipients), c, everybody, cost))
		}
		all = append(all, g)
	}
	return all
}

func (r *Result) memoryGrids() (all []grid) {
	whole := slices.DeleteFunc(slices.Clone(everybody), func(series string) bool { return series == onlyKeys })
	for _, key := range r.kinds(copies) {
		g := grid{part: "memory", title: "Memory, " + key,
			about:  "The most that a process which does only this has had at any time, the process itself and the message included.",
			header: append([]string{"message"}, whole...)}
		for _, c := range r.cases(copies, key) {
			g.rows = append(g.rows, r.cells(size(c.Octets)+", "+recipients(c.Recipients), c, whole, peak))
		}
		all = append(all, g)
	}
	return all
}

func (r *Result) lookupGrids() []grid {
	g := grid{part: lookup, title: "Key lookup",
		about:  "Processor time for one, and how many times that of one session-key packet it is.",
		header: append([]string{"certificates"}, lookupSeries...)}
	for _, c := range r.cases(lookup, commonKeys) {
		if c.Certificates != 0 {
			g.rows = append(g.rows, r.cells(fmt.Sprint(c.Certificates), c, lookupSeries, cost))
		}
	}
	return []grid{g}
}

func (r *Result) growthGrids() []grid {
	many := []string{sealmilter, notShared, stockLibrary, onlyKeys}
	byRecipients := grid{part: growRecipients, title: "Recipients",
		about:  "Processor time for a message of " + size(commonSize) + ", and how many times that of only session-key packets it is.",
		header: append(append([]string{"recipients"}, many...), "memory of "+sealmilter)}
	for _, c := range r.cases(growRecipients, commonKeys) {
		row := r.cells(fmt.Sprint(c.Recipients), c, many, cost)
		byRecipients.rows = append(byRecipients.rows, append(row, r.cells("", c, []string{sealmilter}, peak)[1:]...))
	}
	one := []string{sealmilter, stockLibrary}
	bySize := grid{part: growMessage, title: "Size of the message",
		about:  "Processor time for one recipient, and how many times that of sealmilter it is.",
		header: append(append([]string{"message"}, one...), "per octet", "memory of "+sealmilter)}
	for _, c := range r.cases(growMessage, commonKeys) {
		row := r.cells(size(c.Octets), c, one, cost)
		row = append(row, r.cells("", c, []string{sealmilter}, perOctet)[1:]...)
		bySize.rows = append(bySize.rows, append(row, r.cells("", c, []string{sealmilter}, peak)[1:]...))
	}
	bySessions := grid{part: growSessions, title: "Messages at the same time",
		about:  "Processor time for each message of " + size(commonSize) + " to one recipient, and how many times that of one at a time it is.",
		header: []string{"messages", "processor time of each", "messages per second", "memory"}}
	for _, c := range r.cases(growSessions, commonKeys) {
		own := []string{sealmilter}
		row := r.cells(fmt.Sprint(c.Sessions), c, own, cost)
		row = append(row, r.cells("", c, own, func(row Row) string { return short(1 / row.Wall.Median) })[1:]...)
		bySessions.rows = append(bySessions.rows, append(row, r.cells("", c, own, peak)[1:]...))
	}
	return []grid{byRecipients, bySize, bySessions}
}

func perOctet(row Row) string { return short(row.CPU.Median*1e9/float64(row.Octets)) + " ns" }
