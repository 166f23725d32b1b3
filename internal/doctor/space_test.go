package doctor

import (
	"testing"

	"sealmilter/internal/wiring"
)

func TestRoom(t *testing.T) {
	const mib, gib = 1 << 20, 1 << 30
	for name, tc := range map[string]struct {
		left room
		want string
	}{
		"plenty":               {left: room{10 * gib, 20 * gib, 1e6, 2e6}},
		"files not counted":    {left: room{10 * gib, 20 * gib, 0, 0}},
		"small, and half free": {left: room{300 * mib, 600 * mib, 1e6, 2e6}},
		"low":                  {left: room{300 * mib, 20 * gib, 1e6, 2e6}, want: "warning state: there are only 300 MiB"},
		"full":                 {left: room{3 * mib, 20 * gib, 1e6, 2e6}, want: "error state: there are only 3 MiB"},
		"few files":            {left: room{10 * gib, 20 * gib, 5000, 2e6}, want: "warning state: there are only 10240 MiB and 5000 files"},
		"no files":             {left: room{10 * gib, 20 * gib, 7, 2e6}, want: "error state: there are only 10240 MiB and 7 files"},
	} {
		t.Run(name, func(t *testing.T) { wantLine(t, []wiring.Finding{tc.left.finding("state", "/x")}, tc.want) })
	}
}
