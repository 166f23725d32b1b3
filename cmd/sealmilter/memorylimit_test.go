package main

import (
	"math"
	"testing"
)

// toldMemory notes the limit.
type toldMemory struct{ inUse, limited int64 }

func (m *toldMemory) live() int64 { return m.inUse }

func (m *toldMemory) limit(octets int64) int64 {
	last := m.limited
	if octets >= 0 {
		m.limited = octets
	}
	return last
}

func TestMemoryLimit(t *testing.T) {
	const mib = 1 << 20
	m := &toldMemory{inUse: 5 * mib, limited: math.MaxInt64}
	l := newMemoryLimit(m)
	for _, tc := range []struct {
		octets, least, most int64
	}{
		{0, math.MaxInt64, math.MaxInt64},
		{1, math.MaxInt64, math.MaxInt64},
		{4 * mib, math.MaxInt64, math.MaxInt64},
		{5 * mib, 14*mib + 13*mib, 14*mib + 18*mib},
		{100 * mib, 260 * mib, (40 - 22 + 300) * mib},
		{200 * mib, 520 * mib, (40 - 22 + 600) * mib},
		{25 * mib, 65 * mib, (40 - 22 + 75) * mib},
		{3 * mib, math.MaxInt64, math.MaxInt64},
	} {
		if l.inFlight(tc.octets); m.limited < tc.least || m.limited > tc.most {
			t.Errorf("%d MiB of mail: a limit of %d MiB, want %d to %d", tc.octets/mib, m.limited/mib, tc.least/mib, tc.most/mib)
		}
	}
	// What the program has beside its mail must fit twice, whatever it is.
	m.inUse = 300 * mib
	if l.inFlight(5 * mib); m.limited < 600*mib {
		t.Errorf("a limit of %d MiB for 300 MiB at rest", m.limited/mib)
	}
	// The same amount of mail, more or less, does not ask the runtime again.
	m.limited = 1
	if l.inFlight(5*mib + 1000); m.limited != 1 {
		t.Error("the limit is set again for a thousand octets")
	}
}

// TestMemoryLimitOfTheEnvironment keeps what the administrator asked for.
func TestMemoryLimitOfTheEnvironment(t *testing.T) {
	m := &toldMemory{limited: 50 << 20}
	l := newMemoryLimit(m)
	for _, octets := range []int64{100 << 20, 0, 100 << 20} {
		if l.inFlight(octets); m.limited != 50<<20 {
			t.Errorf("%d octets of mail: a limit of %d", octets, m.limited)
		}
	}
}

func TestRuntimeMemory(t *testing.T) {
	if (runtimeMemory{}).live() < 0 || (runtimeMemory{}).limit(-1) <= 0 {
		t.Error("the runtime does not know its own memory")
	}
}
