package admin

import (
	"strings"
	"testing"
	"time"

	"sealmilter/internal/event"
	"sealmilter/keys"
)

// TestStockIsCountedOnce looks at a change of a key, which is seen at once, and at none, for which nothing is read.
func TestStockIsCountedOnce(t *testing.T) {
	h := newHost(t)
	s := &stock{store: h.store, senders: h.senders, now: time.Now}
	first, err := s.keys(t.Context())
	if err != nil || len(first.senders) != 0 {
		t.Fatal(first, err)
	}
	if again, err := s.keys(t.Context()); err != nil || !again.at.Equal(first.at) {
		t.Errorf("counted again: %v", err)
	}
	h.importSecret(t, "alice@example.org")
	changed, err := s.keys(t.Context())
	if err != nil || len(changed.senders) != 1 {
		t.Errorf("%+v, %v", changed, err)
	}
	s.now = func() time.Time { return changed.at.Add(stockFor) }
	if later, err := s.keys(t.Context()); err != nil || later.at.Equal(changed.at) {
		t.Errorf("never counted again: %v", err)
	}
}

// TestMetricsNameKeysAsTheLog hides fingerprints, which key servers know, from all who can read the metrics and not the log.
func TestMetricsNameKeysAsTheLog(t *testing.T) {
	h := newHost(t)
	key, err := h.senders.Generate(t.Context(), parsed(t, "alice@example.org"), keys.GenerateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	hider := event.NewHider([]byte("a secret"), false)
	m := NewMetrics("")
	m.Observe(h.store, h.local, h.senders, hider)
	text := scrape(m)
	want := `sealmilter_sender_key_days_left{key="` + hider.Fingerprint(key.Fingerprint) + `"}`
	if strings.Contains(text, key.Fingerprint) || !strings.Contains(text, want) {
		t.Errorf("no %s in\n%s", want, text)
	}
}
