package bench

import (
	"context"
	"fmt"
	"math"
	"runtime/pprof"
	"time"
)

// entry is one of those that are compared.
type entry struct {
	Case
	series string
	// do does the case n times, or the part of it that it always does.
	do func(ctx context.Context, n int) (usage, error)
	// part is how much of the case do does: 1, or less if the rest is to be extrapolated.
	part float64
}

// bout has entries take turns.
type bout struct {
	entries []entry
	// base is that which the others are compared to.
	base int
}

// cases are those of the entries.
func (b bout) cases() []Case {
	var all []Case
	for _, e := range b.entries {
		all = append(all, e.Case)
	}
	return all
}

// pace is how long a bout takes.
type pace struct {
	rounds int
	// turn is how long an entry does what it does at least, by doing it again and again, in each round.
	turn time.Duration
}

// run returns a row for each entry, in their order.
func (b bout) run(ctx context.Context, p pace) ([]Row, error) {
	counts := make([]int, len(b.entries))
	for i, e := range b.entries {
		u, err := e.turn(ctx, 1) // whatever happens the first time only does not count
		if err != nil {
			return nil, err
		}
		counts[i] = min(int(math.Ceil(float64(p.turn)/float64(max(u.cpu, 10*time.Microsecond)))), 1000)
		counts[i] = max(counts[i], 1)
	}
	cpu, wall, ratio := make([][]float64, len(b.entries)), make([][]float64, len(b.entries)), make([][]float64, len(b.entries))
	sums := make([]usage, len(b.entries))
	for round := range p.rounds {
		for i := range b.entries {
			i = (i + round) % len(b.entries) // nobody always comes after the same one
			u, err := b.entries[i].turn(ctx, counts[i])
			if err != nil {
				return nil, err
			}
			times := float64(counts[i]) * b.entries[i].part
			cpu[i] = append(cpu[i], u.cpu.Seconds()/times)
			wall[i] = append(wall[i], u.wall.Seconds()/times)
			sums[i] = sums[i].plus(u)
		}
		for i := range b.entries {
			if of := cpu[b.base][round]; of > 0 {
				ratio[i] = append(ratio[i], cpu[i][round]/of)
			}
		}
	}
	rows := make([]Row, len(b.entries))
	base := b.entries[b.base]
	for i, e := range b.entries {
		all := float64(counts[i]*p.rounds) * e.part
		rows[i] = Row{Case: e.Case, Series: e.series, CPU: spreadOf(cpu[i]), Wall: spreadOf(wall[i]), Ratio: spreadOf(ratio[i]), Base: base.series,
			Allocated: uint64(float64(sums[i].allocated) / all), Allocations: uint64(float64(sums[i].allocations) / all),
			Rounds: p.rounds, Count: counts[i], Part: e.part}
		if base.Case != e.Case {
			rows[i].BaseCase = &base.Case
		}
	}
	return rows, nil
}

// turn has the names of the case and the series in a profile, as one label: a profile can be asked for only one.
func (e entry) turn(ctx context.Context, n int) (u usage, err error) {
	if err := ctx.Err(); err != nil {
		return usage{}, err
	}
	pprof.Do(ctx, pprof.Labels("case", e.Case.String()+" "+e.series), func(ctx context.Context) { u, err = e.do(ctx, n) })
	if err != nil {
		err = fmt.Errorf("%s, %s: %w", e.Case, e.series, err)
	}
	return u, err
}
