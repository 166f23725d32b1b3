package outbox_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	seed  = flag.Uint64("seed", 0, "what the histories are made of; 0 is something new")
	count = flag.Uint64("histories", 400, "how many histories are made")
)

// histories runs one history after the other.
type histories struct {
	relay   *relay
	ledgers *ledgers
	count   int
}

func newHistories(t testing.TB) *histories {
	t.Helper()
	return &histories{relay: newRelay(t), ledgers: newLedgers(t)}
}

// live runs a history and returns what happened, and which promises were broken.
func (x *histories) live(t testing.TB, choices []byte) (told, faults []string) {
	x.count++
	w := &world{t: t, choices: choices, ledgers: x.ledgers, relay: x.relay, name: fmt.Sprint(x.count),
		clock: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Unix()}
	x.relay.mu.Lock()
	x.relay.queued = w.queued
	x.relay.mu.Unlock()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range []string{"A", "B"} {
		h := &host{world: w, name: name}
		h.start()
		w.hosts = append(w.hosts, h)
	}
	for len(w.choices) > 0 && len(w.faults) == 0 {
		w.act()
	}
	w.heal()
	for _, h := range w.hosts {
		if h.store != nil {
			x.ledgers.idle = append(x.ledgers.idle, h.store)
		}
	}
	return w.told, w.faults
}

// shortest leaves out what is not needed for a broken promise.
func (x *histories) shortest(t testing.TB, choices []byte) []byte {
	for size := len(choices) / 2; size > 0; size /= 2 {
		for at := 0; at+size <= len(choices); {
			shorter := slices.Delete(slices.Clone(choices), at, at+size)
			if _, faults := x.live(t, shorter); len(faults) > 0 {
				choices = shorter
			} else {
				at += size
			}
		}
	}
	return choices
}

// check runs a history, and reports a broken promise with the shortest history that breaks one.
func (x *histories) check(t testing.TB, choices []byte) {
	t.Helper()
	if _, faults := x.live(t, choices); len(faults) == 0 {
		return
	}
	choices = x.shortest(t, choices)
	told, faults := x.live(t, choices)
	t.Fatalf("the choices %v\n%s\n%s", choices, strings.Join(told, "\n"), strings.Join(faults, "\n"))
}

// TestHistories lets histories happen by chance: letters and their twins, retries, refusals, lost answers, failures of
// the ledger, deaths at any moment, clocks that jump. In none of them is a letter lost or swallowed, or a copy on record
// sent again.
func TestHistories(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("seed %d", *seed)
	x := newHistories(t)
	for i := range *count {
		r := rand.New(rand.NewPCG(*seed, i))
		choices := make([]byte, 20+r.IntN(80))
		for j := range choices {
			choices[j] = byte(r.UintN(256))
		}
		x.check(t, choices)
	}
}

// FuzzHistory lets the fuzzer choose what happens.
func FuzzHistory(f *testing.F) {
	f.Add([]byte{0, 0, 0, 3, 0, 1, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{1, 0, 3, 0, 7, 0, 0, 0, 7, 0, 0, 7, 6, 0, 4, 0, 0, 1, 0, 0, 0, 0})
	f.Add([]byte{1, 1, 3, 0, 1, 0, 0, 0, 0, 0, 3, 4, 0, 0, 1, 1, 0, 0, 0, 3, 0, 1, 0, 0, 0, 0})
	x := newHistories(f)
	f.Fuzz(func(t *testing.T, choices []byte) { x.check(t, choices[:min(len(choices), 200)]) })
}
