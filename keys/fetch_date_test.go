package keys

import (
	"net/http"
	"testing"
	"time"
)

func TestDateOf(t *testing.T) {
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		date, age string
		want      time.Time
	}{
		"a date":         {date: "Sun, 01 Mar 2026 12:00:00 GMT", want: noon},
		"from a cache":   {date: "Sun, 01 Mar 2026 11:00:00 GMT", age: "3600", want: noon},
		"none":           {},
		"no date":        {date: "yesterday"},
		"an age of none": {date: "Sun, 01 Mar 2026 12:00:00 GMT", age: "-1"},
		"an odd age":     {date: "Sun, 01 Mar 2026 12:00:00 GMT", age: "99999999999"},
	} {
		h := http.Header{}
		for field, value := range map[string]string{"Date": tc.date, "Age": tc.age} {
			if value != "" {
				h.Set(field, value)
			}
		}
		if got := dateOf(h); !got.Equal(tc.want) {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}
