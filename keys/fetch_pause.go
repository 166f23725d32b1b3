package keys

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// defaultPause is for a host that says "too many requests" and not for how long that holds.
	defaultPause = time.Minute
	// maxPause bounds for how long a host can make itself unknown.
	maxPause = 24 * time.Hour
	// maxPauses bounds the hosts that are remembered.
	maxPauses = 10000
)

// pauses remembers which hosts have asked to be left alone. The zero pauses is ready for use.
type pauses struct {
	mu    sync.Mutex
	hosts map[string]time.Time // when they may be asked again
}

// until returns when the host may be asked again, the zero time if it may be now.
func (p *pauses) until(host string, now time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	until, found := p.hosts[strings.ToLower(host)]
	if !found || !now.Before(until) {
		return time.Time{}
	}
	return until
}

// note takes a host's answer to heart and returns until when it is to be left alone, the zero time if it is not.
func (p *pauses) note(host string, resp *http.Response, now time.Time) time.Time {
	var pause time.Duration
	switch resp.StatusCode {
	case http.StatusTooManyRequests:
		pause = retryAfter(resp.Header.Get("Retry-After"), now, defaultPause)
	case http.StatusServiceUnavailable:
		pause = retryAfter(resp.Header.Get("Retry-After"), now, 0)
	}
	if pause == 0 {
		return time.Time{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hosts == nil {
		p.hosts = make(map[string]time.Time)
	}
	if len(p.hosts) >= maxPauses {
		p.forget(now)
	}
	until := now.Add(pause)
	p.hosts[strings.ToLower(host)] = until
	return until
}

// forget makes room: for hosts whose pause is over, or else for any one.
func (p *pauses) forget(now time.Time) {
	for host, until := range p.hosts {
		if !now.Before(until) {
			delete(p.hosts, host)
		}
	}
	for host := range p.hosts {
		if len(p.hosts) < maxPauses {
			break
		}
		delete(p.hosts, host)
	}
}

// retryAfter reads a Retry-After field, a number of seconds or a date (RFC 9110, section 10.2.3). What is missing, in
// the past or no time at all gives the default.
func retryAfter(value string, now time.Time, otherwise time.Duration) time.Duration {
	pause := otherwise
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil {
		pause = time.Duration(min(seconds, uint64(maxPause/time.Second))) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		pause = at.Sub(now)
	}
	if pause <= 0 {
		return otherwise
	}
	return min(pause, maxPause)
}

// paused says until when a host is not asked.
func paused(host string, until time.Time) *FetchError {
	const form = "2006-01-02 15:04:05 UTC"
	return &FetchError{Host: host, Why: "is busy and is not asked again until " + until.UTC().Format(form)}
}
