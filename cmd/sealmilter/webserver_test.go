package main

import (
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"

	"sealmilter/internal/lab/labtest"
)

// TestWebConnectionsAreLimited sends twice as many requests at a time as are taken. All are answered in the end.
func TestWebConnectionsAreLimited(t *testing.T) {
	var mu sync.Mutex
	inside, peak := 0, 0
	full, open := make(chan struct{}), sync.Once{}
	address := labtest.Reserve(t)
	s, err := startWebServer(address, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		inside++
		if peak = max(peak, inside); inside == maxWebConnections {
			open.Do(func() { close(full) })
		}
		mu.Unlock()
		<-full
		mu.Lock()
		inside--
		mu.Unlock()
	}), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	labtest.CloseAfter(t, s.close)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	var all sync.WaitGroup
	for range 2 * maxWebConnections {
		all.Go(func() {
			resp, err := client.Get("http://" + address)
			if err != nil {
				t.Error(err)
				return
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		})
	}
	all.Wait()
	if peak != maxWebConnections {
		t.Errorf("%d requests were worked on at a time, not %d", peak, maxWebConnections)
	}
}
