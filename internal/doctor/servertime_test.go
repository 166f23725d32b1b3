package doctor

import (
	"testing"
	"time"
)

func TestServerTimeFindings(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	hour := time.Hour
	for name, tc := range map[string]struct {
		ahead time.Duration
		hosts int
		key   span
		want  string
	}{
		"nobody asked":   {ahead: 99 * hour},
		"in step":        {ahead: -time.Minute, hosts: 2},
		"ahead":          {ahead: 61 * time.Second, hosts: 2, want: "warning clock: it is 1m1s ahead of all hosts that were asked for keys, 2 of them: signatures"},
		"behind":         {ahead: -hour, hosts: 1, want: "warning clock: it is 1h0m0s behind all hosts"},
		"far ahead":      {ahead: 25 * hour, hosts: 1, want: "error clock: it is 25h0m0s ahead"},
		"far behind":     {ahead: -25 * hour, hosts: 1, want: "error clock: it is 25h0m0s behind"},
		"new key":        {ahead: hour, hosts: 1, key: span{created: now.Add(-hour / 2)}, want: "error clock: it is 1h0m0s ahead"},
		"older key":      {ahead: hour, hosts: 1, key: span{created: now.Add(-2 * hour), expires: now.Add(hour)}, want: "warning clock: "},
		"has expired":    {ahead: -2 * hour, hosts: 1, key: span{created: now.Add(-9 * hour), expires: now.Add(hour)}, want: "error clock: it is 2h0m0s behind"},
		"expired anyway": {ahead: -2 * hour, hosts: 1, key: span{created: now.Add(-9 * hour), expires: now.Add(-hour)}, want: "warning clock: "},
	} {
		t.Run(name, func(t *testing.T) {
			var keys []span
			if tc.key != (span{}) {
				keys = []span{{created: now.Add(-999 * hour)}, tc.key}
			}
			wantLine(t, serverTimeFindings(now, tc.ahead, tc.hosts, keys), tc.want)
		})
	}
	var s serverTimes
	if _, hosts := s.nearest(); hosts != 0 {
		t.Error(hosts)
	}
	for host, at := range map[string]time.Time{"a": now.Add(-hour), "b": now.Add(2 * time.Second), "c": now.Add(9 * hour)} {
		s.note(host, at, now)
	}
	if ahead, hosts := s.nearest(); ahead < -3*time.Second || ahead > -2*time.Second || hosts != 3 {
		t.Error(ahead, hosts)
	}
}
