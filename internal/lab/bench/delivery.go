package bench

import (
	"context"
	"fmt"
	"os"
	"slices"

	"sealmilter/internal/lab/bench/mta"
)

// The tables of what goes through a real Postfix.
const (
	throughPostfix = "postfix"
	growClients    = "clients"
)

// Delivery is what else is known of messages that have gone through a Postfix. Times are in seconds.
type Delivery struct {
	// PerSecond is messages in a second, and Throughput that in proportion to the milter that does nothing.
	PerSecond  float64 `json:"messages_per_second"`
	Throughput float64 `json:"throughput"`
	// Work is the processor time with the milter that does nothing in proportion to that of this variant: what the
	// throughput would be if nothing else had the processors.
	Work float64 `json:"work"`
	// MTA and Milter are processor time for a message.
	MTA    float64 `json:"mta_cpu_seconds"`
	Milter float64 `json:"milter_cpu_seconds"`
	// Median and Last are how long a client waited for the answer to a message: half of them, and 99 of 100, no longer.
	Median float64 `json:"median_wait_seconds"`
	Last   float64 `json:"last_wait_seconds"`
	// Stalled is the part of all messages for which a client waited 40 ms longer than Median.
	Stalled float64 `json:"stalled"`
}

// traffic is what goes through Postfix, in as many rounds as a bout has.
type traffic struct {
	table    string
	variants []mta.Variant
	loads    []mta.Load
}

// deliveries has messages go through Postfix.
func (r *run) deliveries(ctx context.Context) error {
	for _, t := range r.extent.traffic {
		t.loads = slices.DeleteFunc(slices.Clone(t.loads), func(l mta.Load) bool { return !r.wanted(t.of(l)) })
		if len(t.loads) == 0 {
			continue
		}
		if os.Geteuid() != 0 {
			r.Progress("nothing goes through Postfix: that takes root")
			return nil
		}
		r.Progress(fmt.Sprintf("%s, %d variants, %d loads", t.table, len(t.variants), len(t.loads)))
		figures, err := mta.Run(ctx, mta.Config{Variants: t.variants, Loads: t.loads, Rounds: r.extent.pace.rounds, Progress: r.Fetching})
		if err != nil {
			return err
		}
		for _, s := range mta.Summarize(figures) {
			r.result.Rows = append(r.result.Rows, t.row(s, figures))
		}
	}
	return nil
}

func (t traffic) of(l mta.Load) Case {
	return Case{Table: t.table, Key: commonKeys, Octets: l.Size, Recipients: l.Recipients, Sessions: l.Sessions}
}

// row has the processor time of Postfix and the milter together.
func (t traffic) row(s mta.Summary, figures []mta.Figures) Row {
	const millisecond = 1e-3
	var cpu, wall, ratio []float64
	of := func(v mta.Variant, round int) (seconds, elapsed float64) {
		i := slices.IndexFunc(figures, func(f mta.Figures) bool { return f.Variant == v && f.Load == s.Load && f.Round == round })
		if i < 0 {
			return 0, 0
		}
		f, n := figures[i], float64(s.Load.Messages)
		return (f.MTA + f.Milter).Seconds() / n, f.Elapsed.Seconds() / n
	}
	rounds := 0
	for ; ; rounds++ {
		seconds, elapsed := of(s.Variant, rounds)
		if elapsed == 0 {
			break
		}
		cpu, wall = append(cpu, seconds), append(wall, elapsed)
		if base, _ := of(s.Variant.Base(), rounds); base > 0 {
			ratio = append(ratio, seconds/base)
		}
	}
	return Row{
		Case: t.of(s.Load), Series: string(s.Variant), Base: string(s.Variant.Base()),
		CPU: spreadOf(cpu), Wall: spreadOf(wall), Ratio: spreadOf(ratio),
		Rounds: rounds, Count: s.Load.Messages, Part: 1,
		Delivery: &Delivery{PerSecond: s.PerSecond, Throughput: s.Throughput, Work: s.Work, MTA: s.MTA * millisecond, Milter: s.Milter * millisecond,
			Median: s.Median * millisecond, Last: s.Last * millisecond, Stalled: s.Stalled},
	}
}

// deliveryGrids are the tables of what has gone through Postfix.
func (r *Result) deliveryGrids() []grid {
	through := grid{part: throughPostfix, title: "Through Postfix",
		about: "Throughput, and processor time for a message of Postfix and milter, against the milter on the same kind of socket " +
			"that does nothing; how long clients wait for the answer to a message; messages for which they wait 40 ms longer than for most.",
		header: []string{"message", "milter", "messages per second", "of the throughput", "Postfix", "milter's own", "both", "wait", "99 of 100", "stalled"}}
	for _, c := range r.cases(throughPostfix, commonKeys) {
		for _, row := range r.Rows {
			if d := row.Delivery; d != nil && row.Case == c {
				through.rows = append(through.rows, []string{fmt.Sprintf("%s, %s, clients: %d", size(c.Octets), recipients(c.Recipients), c.Sessions), row.Series, short(d.PerSecond), short(d.Throughput),
					milliseconds(d.MTA), milliseconds(d.Milter), cost(row), milliseconds(d.Median), milliseconds(d.Last), short(100*d.Stalled) + " %"})
			}
		}
	}
	clients := grid{part: growClients, title: "Clients at the same time",
		about:  "Messages per second through Postfix, of " + size(commonSize) + " to one recipient, and processor time of Postfix and milter for each.",
		header: []string{"clients"}}
	var series []string
	for _, row := range r.Rows {
		if row.Table == growClients && !slices.Contains(series, row.Series) {
			series = append(series, row.Series)
		}
	}
	clients.header = append(clients.header, series...)
	for _, c := range r.cases(growClients, commonKeys) {
		clients.rows = append(clients.rows, r.cells(fmt.Sprint(c.Sessions), c, series, func(row Row) string {
			return short(row.Delivery.PerSecond) + "/s, " + milliseconds(row.CPU.Median)
		}))
	}
	return []grid{through, clients}
}
