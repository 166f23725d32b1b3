package keys_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/lab"
	"sealmilter/keys"
)

func TestFetchLeavesHostsAlone(t *testing.T) {
	n := newInternet(t)
	n.set("a.example", "127.0.0.1")
	n.set("b.example", "127.0.0.1")
	web := startWeb(t, n.authority)
	f := n.fetcher(t)
	count := func(host string) int {
		return len(slices.DeleteFunc(web.Requests(), func(r lab.WebRequest) bool { return r.Host != host }))
	}
	ask := func(host string) error {
		_, err := f.Get(t.Context(), web.URL(host, "/"))
		return err
	}
	busy := func(err error, until string) {
		t.Helper()
		if meaning(err) != "unknown" || !strings.Contains(err.Error(), "not asked again until "+until+" UTC") {
			t.Errorf("want %s: %v", until, err)
		}
	}
	web.Set("A.example", "", lab.Busy(429, "120"))
	web.Set("a.example", "", lab.Found(nil))
	web.Set("b.example", "", lab.Found(nil))
	n.set("A.example", "127.0.0.1")
	busy(ask("A.example"), "2026-03-01 12:02:00")
	busy(ask("a.example"), "2026-03-01 12:02:00")
	busy(ask("A.example"), "2026-03-01 12:02:00")
	n.clock.advance(2*time.Minute - time.Nanosecond)
	busy(ask("a.example"), "2026-03-01 12:02:00")
	if n := len(web.Requests()); n != 1 {
		t.Errorf("asked %d times", n)
	}
	if err := ask("b.example"); err != nil {
		t.Errorf("another host: %v", err)
	}
	n.clock.advance(time.Nanosecond)
	if err := ask("a.example"); err != nil || count("a.example") != 1 {
		t.Errorf("when the time is over: asked %d times, %v", count("a.example"), err)
	}

	web.Set("a.example", "", lab.Busy(429, ""))
	busy(ask("a.example"), "2026-03-01 12:03:00")
	n.clock.advance(time.Minute)
	web.Set("a.example", "", lab.Busy(503, "Sun, 01 Mar 2026 13:00:00 GMT"))
	busy(ask("a.example"), "2026-03-01 13:00:00")
	n.clock.advance(time.Hour)
	before := count("a.example")
	web.Set("a.example", "", lab.Busy(503, ""))
	ask("a.example")
	if err := ask("a.example"); meaning(err) != "unknown" || count("a.example") != before+2 {
		t.Errorf("503 without Retry-After: asked %d times, %v", count("a.example")-before, err)
	}

	// Who redirects to a busy host is not busy itself.
	web.Set("a.example", "", lab.Busy(429, "60"))
	web.Set("b.example", "", lab.Redirect(web.URL("a.example", "/")))
	busy(ask("b.example"), "2026-03-01 13:04:00")
	web.Set("b.example", "", lab.Found(nil))
	if err := ask("b.example"); err != nil {
		t.Error(err)
	}
}

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"":                              keys.DefaultPause,
		"0":                             keys.DefaultPause,
		"-5":                            keys.DefaultPause,
		"soon":                          keys.DefaultPause,
		"1":                             time.Second,
		"120":                           2 * time.Minute,
		"86400":                         keys.MaxPause,
		"86401":                         keys.MaxPause,
		"18446744073709551615":          keys.MaxPause,
		"18446744073709551616":          keys.DefaultPause,
		"Sun, 01 Mar 2026 12:05:00 GMT": 5 * time.Minute,
		"Sun, 01 Mar 2026 11:55:00 GMT": keys.DefaultPause,
		"Sun, 01 Mar 9999 12:00:00 GMT": keys.MaxPause,
	} {
		if got := keys.RetryAfter(value, noon, keys.DefaultPause); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}
