package main

import (
	"math"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
)

const (
	// unlimited is how much mail in work there may be without a limit, in octets: the garbage collector needs no help.
	unlimited = 4 << 20
	// memoryStep is how far the mail in work changes before the limit does.
	memoryStep = 1 << 20
	// memoryAtRest is what the program may have beside its mail. The pages of the program itself, which are about 22 MiB,
	// do not count.
	memoryAtRest = 14 << 20
	// perStep is what there may be for each step: a message is in use 2.4 times, as it came and as the encrypted text
	// of several copies. The goal is 3 times (docs/limits.md); the rest of it is for what the collector of a busy
	// machine is late with. Text and octets that had to be put into base64 are in use 2.9 times, for which the
	// collector works harder: large ones have come in base64 as a rule.
	perStep = memoryStep * 26 / 10
)

// memoryLimit ties the garbage collector to the mail in work. Left alone, it lets the heap grow to twice of what is in use,
// and a large message is in use two times already: as it came and as it is encrypted. With no more than a few small
// messages in work there is no limit, and no cost.
type memoryLimit struct {
	memory memory
	most   int64 // the limit that the environment sets (GOMEMLIMIT)
	steps  int64
	atRest int64 // in octets, measured before the first step
}

// memory is the memory of this process.
type memory interface {
	// live returns the octets of the heap that were in use when they were last looked at.
	live() int64
	// limit sets the soft limit in octets, unless it is negative, and returns the one before.
	limit(octets int64) int64
}

func newMemoryLimit(m memory) *memoryLimit {
	return &memoryLimit{memory: m, most: m.limit(-1)}
}

// inFlight is told the size of the mail in work in octets. Its calls come one after the other.
func (l *memoryLimit) inFlight(octets int64) {
	var steps int64
	if octets > unlimited {
		steps = octets/memoryStep + 1
	}
	switch {
	case steps == l.steps:
		return
	case steps == 0:
		l.memory.limit(l.most)
	case l.steps == 0:
		// A program with much else in memory, such as a large cache, needs room for that, or it would do nothing but
		// collect.
		l.atRest = max(memoryAtRest, 2*l.memory.live())
		fallthrough
	default:
		l.memory.limit(min(l.most, l.atRest+steps*perStep))
	}
	l.steps = steps
}

// runtimeMemory is the Go runtime's.
type runtimeMemory struct{}

func (runtimeMemory) live() int64 {
	sample := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}}
	runtimemetrics.Read(sample)
	if sample[0].Value.Kind() != runtimemetrics.KindUint64 {
		return 0
	}
	return int64(min(sample[0].Value.Uint64(), math.MaxInt64/4))
}

func (runtimeMemory) limit(octets int64) int64 { return debug.SetMemoryLimit(octets) }
