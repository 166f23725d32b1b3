package mta

import (
	"slices"
	"time"
)

// Figures are what one run of one variant has cost.
type Figures struct {
	Variant Variant
	Load    Load
	Round   int
	// Elapsed is the time until the queue was empty again.
	Elapsed time.Duration
	// MTA and Milter are the processor time of all processes of Postfix and of the milter's.
	MTA, Milter time.Duration
	// Waited has the time that a client waited for each message.
	Waited []time.Duration
}

// Summary is one variant under one load, as medians over the rounds.
type Summary struct {
	Variant Variant
	Load    Load
	// PerSecond is messages in a second.
	PerSecond float64
	// MTA and Milter are milliseconds of processor time for a message.
	MTA, Milter float64
	// Throughput is PerSecond in proportion to that of [Variant.Base] in the same round, and Work the processor time of
	// the base, MTA and milter together, in proportion to that of this variant: what the throughput would be if nothing
	// else had the processors.
	Throughput, Work float64
	// Median and Last are what a client waited for a message in milliseconds: half of them, and 99 of 100, no longer.
	Median, Last float64
	// Stalled is the part of all messages for which a client waited 40 ms longer than Median, as it does for a
	// delayed acknowledgement (RFC 1122, section 4.2.3.2).
	Stalled float64
}

const stall = 40 * time.Millisecond

// Summarize returns a summary for each variant and load, in the order in which they first come.
func Summarize(all []Figures) []Summary {
	type kind struct {
		variant Variant
		load    Load
	}
	var kinds []kind
	runs := map[kind][]Figures{}
	for _, f := range all {
		k := kind{f.Variant, f.Load}
		if runs[k] == nil {
			kinds = append(kinds, k)
		}
		runs[k] = append(runs[k], f)
	}
	var summaries []Summary
	for _, k := range kinds {
		summaries = append(summaries, summarize(runs[k], runs[kind{k.variant.Base(), k.load}]))
	}
	return summaries
}

// summarize takes the runs of a variant and of its base, round by round.
func summarize(runs, bases []Figures) Summary {
	s := Summary{Variant: runs[0].Variant, Load: runs[0].Load}
	of := func(figure func(Figures) float64) float64 {
		var values []float64
		for _, f := range runs {
			values = append(values, figure(f))
		}
		return median(values)
	}
	s.PerSecond = of(Figures.perSecond)
	s.MTA = of(func(f Figures) float64 { return f.perMessage(f.MTA) })
	s.Milter = of(func(f Figures) float64 { return f.perMessage(f.Milter) })
	var throughputs, works []float64
	for _, f := range runs {
		i := slices.IndexFunc(bases, func(base Figures) bool { return base.Round == f.Round })
		if i < 0 || f.MTA+f.Milter == 0 {
			continue
		}
		throughputs = append(throughputs, f.perSecond()/bases[i].perSecond())
		works = append(works, float64(bases[i].MTA+bases[i].Milter)/float64(f.MTA+f.Milter))
	}
	s.Throughput, s.Work = median(throughputs), median(works)
	var waited []time.Duration
	for _, f := range runs {
		waited = append(waited, f.Waited...)
	}
	if len(waited) == 0 {
		return s
	}
	slices.Sort(waited)
	middle := waited[len(waited)/2]
	stalled := 0
	for _, w := range waited {
		if w > middle+stall {
			stalled++
		}
	}
	s.Median, s.Last = milliseconds(middle), milliseconds(waited[len(waited)*99/100])
	s.Stalled = float64(stalled) / float64(len(waited))
	return s
}

func (f Figures) perSecond() float64 { return float64(f.Load.Messages) / f.Elapsed.Seconds() }

func (f Figures) perMessage(d time.Duration) float64 {
	return milliseconds(d) / float64(f.Load.Messages)
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

// median returns 0 for no values.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	if n := len(values); n%2 == 0 {
		return (values[n/2-1] + values[n/2]) / 2
	}
	return values[len(values)/2]
}
