package admin

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/event"
	"sealmilter/internal/status"
	"sealmilter/internal/web"
)

// TestDecisionsOf: the page shows of the last copies what the log says.
func TestDecisionsOf(t *testing.T) {
	recent := event.NewRecent(10)
	log := event.NewLogger(io.Discard, event.Options{Watch: recent.Add})
	event.CopyDecided("encrypt").Log(log, event.QueueID("4bX"), event.From(parsed(t, "a@example.org")), event.To(parsed(t, "b@example.org")), event.Decision("encrypt"),
		event.Key("AA"), event.Source("wkd"), event.Trust("provider-trust"), event.Why("key AA from wkd"))
	event.CopyFailed.Log(log, event.QueueID("4bY"), event.To(parsed(t, "c@example.org")), event.Err(errors.New("mailbox full")))
	got := decisionsOf(recent.Copies())
	for i := range got {
		if got[i].At.IsZero() {
			t.Error("no time")
		}
		got[i].At = time.Time{}
	}
	want := []status.Decision{
		{Queue: "4bY", To: "c@example.org", Do: "failed", Why: "mailbox full"},
		{Queue: "4bX", From: "a@example.org", To: "b@example.org", Do: "encrypt", Fingerprint: "AA", Source: "wkd", Level: "provider-trust", Why: "key AA from wkd"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}

// TestStatusSaysWhatReadyzSays: a daemon that can read and not write puts mail off, on every page.
func TestStatusSaysWhatReadyzSays(t *testing.T) {
	h := newHost(t)
	p := newPatient()
	socket := filepath.Join(t.TempDir(), "admin")
	l, err := web.Listen("admin", "unix:"+socket)
	if err != nil {
		t.Fatal(err)
	}
	s := web.Serve(l, New(h.options(p.Health)), slog.New(slog.DiscardHandler))
	t.Cleanup(func() { s.Close() })
	var dialer net.Dialer
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, "unix", socket)
	}}}
	ask := func(path string) string {
		t.Helper()
		answer, err := client.Get("http://localhost" + path)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if text := ask("/status/"); !strings.Contains(text, h.config.State) || strings.Contains(text, "No mail can be handled") {
		t.Errorf("all is well, and the page says\n%s", text)
	}
	p.write = errors.New("no space left")
	p.clock = p.clock.Add(time.Minute)
	for _, path := range []string{"/readyz", "/status/"} {
		if text := ask(path); !strings.Contains(text, "database_write: no space left") {
			t.Errorf("%s says\n%s", path, text)
		}
	}
}
