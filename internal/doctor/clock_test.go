package doctor

import (
	"testing"
	"time"
)

func TestClockFindings(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	day := 24 * time.Hour
	for name, tc := range map[string]struct {
		built, newest time.Time
		kernel        discipline
		want          string
	}{
		"in step":        {built: now.Add(-day), newest: now.Add(-time.Hour), kernel: disciplined},
		"nothing known":  {},
		"a little apart": {newest: now.Add(time.Minute)},
		"behind":         {built: now.Add(day), want: "error clock: it is 2030-01-02 03:04:05 UTC, and this program was made on 2030-01-03"},
		"was ahead":      {newest: now.Add(day), want: "error clock: it is 2030-01-02 03:04:05 UTC, and the database has a record of 2030-01-03"},
		"left alone":     {kernel: undisciplined, want: "warning clock: it is 2030-01-02 03:04:05 UTC, and nobody keeps the clock in step"},
	} {
		t.Run(name, func(t *testing.T) { wantLine(t, clockFindings(now, tc.built, tc.newest, tc.kernel), tc.want) })
	}
}
