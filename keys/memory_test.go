package keys

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestMemory(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var m memory
	has := func(generation int64, now time.Time, address string, want bool) {
		t.Helper()
		if _, known := m.get(generation, now, address); known != want {
			t.Errorf("%s in generation %d at %v: %t", address, generation, now, known)
		}
	}
	has(1, now, "a", false)
	m.put(2, now, "a", Answer{Status: None}, now.Add(time.Hour))
	m.put(2, now, "b", Answer{Status: None}, time.Time{})
	has(2, now, "a", true)
	has(2, now.Add(time.Hour), "a", false)
	has(2, now.Add(1000*time.Hour), "b", true)
	has(2, now.Add(-time.Second), "b", false)
	has(1, now, "a", false)
	has(3, now, "a", false)

	// An answer that took long rests on what is out of date.
	m.put(1, now, "c", Answer{Status: None}, time.Time{})
	has(2, now, "b", true)
	has(2, now, "c", false)
	has(1, now, "c", false)
	m.put(3, now, "c", Answer{Status: None}, time.Time{})
	has(3, now, "c", true)
	has(3, now, "b", false)

	long := Answer{Status: None, Trace: []Step{{Detail: strings.Repeat("x", maxAnswerMemory/10)}}}
	m.put(3, now, "b", Answer{Status: None}, time.Time{})
	for i := range 20 {
		m.put(3, now, fmt.Sprint(i), long, time.Time{})
		has(3, now, "c", true) // it stays in use
	}
	has(3, now, "b", false)
	has(3, now, "10", false)
	has(3, now, "11", true)
	has(3, now, "19", true)
}
