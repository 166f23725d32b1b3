package main

import (
	"bytes"
	"crypto/rand"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/admin"
	"sealmilter/internal/config"
	"sealmilter/internal/gate"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// someGate is that of the default configuration.
func someGate() *gate.Gate { return &gate.Gate{Config: config.Default()} }

// TestCare looks after a key that was made here and one that is managed elsewhere, both near their end.
func TestCare(t *testing.T) {
	c := config.Default()
	c.State = filepath.Join(t.TempDir(), "state")
	i := opened(t, c)
	mine, theirs := parsed(t, "mine@example.org"), parsed(t, "theirs@example.org")
	if _, err := i.Senders.Generate(t.Context(), mine, keys.GenerateOptions{Lifetime: 40 * 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	imported := importSecret(t, i, theirs, crypto.GenerateOptions{Now: time.Now().Add(-time.Hour), Rand: rand.Reader, Lifetime: 20 * 24 * time.Hour})

	m, err := i.newMetrics()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	care := newCare(i, m, slog.New(slog.NewTextHandler(&log, nil)), someGate)
	for range 2 {
		care.extend(t.Context())
		care.warn(t.Context())
	}
	if text := log.String(); strings.Count(text, "extended a sender's key") != 1 ||
		strings.Count(text, "a sender's key is about to expire") != strings.Count(text, "theirs@example.org") ||
		strings.Count(text, "theirs@example.org") != 1 {
		t.Errorf("the log says\n%s", text)
	}
	text := scrape(m)
	for _, want := range []string{`sealmilter_sender_keys_extended_total{result="done"} 1`, "sealmilter_key_conflicts 0",
		`sealmilter_sender_key_days_left{key="` + imported.Fingerprint() + `"} 19.`,
		`sealmilter_sender_keys{state="expiring"} 1`, `sealmilter_sender_keys{state="good"} 1`, "sealmilter_database_size_bytes "} {
		if !strings.Contains(text, want) {
			t.Errorf("/metrics lacks %s\n%s", want, text)
		}
	}
}

func scrape(m *admin.Metrics) string {
	r := httptest.NewRecorder()
	m.Handler().ServeHTTP(r, httptest.NewRequest("GET", "/metrics", nil))
	return r.Body.String()
}

// TestCareClearsTheLedger has a record that has just expired, and one that did long ago.
func TestCareClearsTheLedger(t *testing.T) {
	c := config.Default()
	c.State = filepath.Join(t.TempDir(), "state")
	i := opened(t, c)
	now := time.Now()
	for message, expired := range map[string]time.Duration{"old": 25 * time.Hour, "new": 23 * time.Hour} {
		if err := i.Store.RecordSent(t.Context(), message, []string{"copy"}, now.Add(-expired)); err != nil {
			t.Fatal(err)
		}
	}
	newCare(i, admin.NewMetrics(""), slog.New(slog.DiscardHandler), someGate).sweep(t.Context(), now)
	for message, want := range map[string]int{"old": 0, "new": 1} {
		if got, err := i.Store.SentCopies(t.Context(), message, now.Add(-48*time.Hour), now); err != nil || len(got) != want {
			t.Errorf("%s: %d records, %v", message, len(got), err)
		}
	}
}

// importSecret imports a secret key that was made elsewhere, for an address.
func importSecret(t *testing.T, i *installation, address mail.Addr, o crypto.GenerateOptions) *crypto.SecretKey {
	t.Helper()
	secret, err := crypto.Generate(address, o)
	if err != nil {
		t.Fatal(err)
	}
	var ring bytes.Buffer
	if err := secret.WriteArmored(&ring); err != nil {
		t.Fatal(err)
	}
	if err := i.Senders.Import(t.Context(), &ring, keys.ImportOptions{}, func(keys.Imported) {}); err != nil {
		t.Fatal(err)
	}
	return secret
}

func parsed(t *testing.T, s string) mail.Addr {
	t.Helper()
	a, err := mail.ParseAddr(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestKeyEventsCallForADecision has a conflict in the log and in the metrics.
func TestKeyEventsCallForADecision(t *testing.T) {
	m := admin.NewMetrics("")
	var log bytes.Buffer
	o := &admin.KeyObserver{Log: slog.New(slog.NewTextHandler(&log, nil)), Metrics: m}
	o.Happened(keys.Event{Kind: keys.Conflicting, Address: "bob@example.net", Fingerprint: "NEW", Old: "OLD", Source: "wkd", Why: "because"})
	o.Happened(keys.Event{Kind: keys.Pinned, Address: "bob@example.net"})
	o.Asked("wkd", keys.Unknown, time.Second)
	if text := log.String(); !strings.Contains(text, "level=WARN") || !strings.Contains(text, "sealmilter keys list --conflicts") ||
		!strings.Contains(text, "key=NEW old=OLD source=wkd") {
		t.Errorf("the log says %s", text)
	}
	text := scrape(m)
	for _, want := range []string{`sealmilter_key_events_total{event="conflict"} 1`, `sealmilter_key_lookups_total{answer="unknown",source="wkd"} 1`} {
		if !strings.Contains(text, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
}
