package milter_test

import (
	"runtime"
	"strings"
	"testing"

	"sealmilter/milter"
)

// TestRefusedContentIsNotKept sends far more than a message may have, as fields and as pieces of a body, in a message and
// between two. The heap must not grow with it.
func TestRefusedContentIsNotKept(t *testing.T) {
	const most = 1 << 20
	path := serve(t, &milter.Server{Begin: edits(nil), MaxMessage: most})
	big := strings.Repeat("x", 60<<10)
	for _, tc := range []struct {
		name  string
		begin func(m *mta)
		code  byte
		args  []string
	}{
		{"fields", func(m *mta) { m.envelope("<bob@example.net>") }, 'L', []string{"X-Big", " " + big}},
		{"fields of no message", func(*mta) {}, 'L', []string{"X-Big", " " + big}},
		{"pieces of a body", func(m *mta) { m.envelope("<bob@example.net>"); m.content(nil) }, 'B', []string{big}},
		{"macros", func(m *mta) { m.envelope("<bob@example.net>") }, 'D', []string{"B{big}", big}},
	} {
		m := connect(t, path)
		tc.begin(m)
		before := heap()
		for range 32 << 20 / len(big) {
			m.say(tc.code, tc.args...)
			if tc.code != 'D' {
				m.answer(tc.code)
			}
		}
		if grown := heap() - before; grown > 4*most {
			t.Errorf("%s: the heap has grown by %d octets", tc.name, grown)
		}
		m.Close()
	}
}

// heap returns how much of it is in use.
func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
