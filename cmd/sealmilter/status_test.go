package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"sealmilter/internal/config"
	"sealmilter/internal/doctor"
	"sealmilter/internal/event"
	"sealmilter/internal/gate"
	"sealmilter/internal/mail"
	"sealmilter/internal/status"
	"sealmilter/internal/web"
)

// TestAdminSocket: the group of the milter's socket, which is the mail server's, cannot open that of the status page.
func TestAdminSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "admin.sock")
	l, err := web.Listen("admin", "unix:"+socket)
	if err != nil {
		t.Fatal(err)
	}
	s := web.Serve(l, http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	defer s.Close()
	if info, err := os.Stat(socket); err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Error(info.Mode(), err)
	}
	if _, err := web.Listen("admin", "unix:"+socket); err == nil {
		t.Error("two listen there")
	}
	yes, text, err := doctor.Ask(t.Context(), "unix:"+socket, "/readyz")
	if yes || err != nil || text != "404 page not found" {
		t.Error(yes, text, err)
	}
}

// TestDecisionsOf: the page shows of the last copies what the log says.
func TestDecisionsOf(t *testing.T) {
	recent := event.NewRecent(10)
	address := func(text string) mail.Addr {
		a, err := mail.ParseAddr(text)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	log, err := newLogger(io.Discard, config.Default().Log, t.TempDir(), recent.Add)
	if err != nil {
		t.Fatal(err)
	}
	event.CopyDecided("encrypt").Log(log, event.QueueID("4bX"), event.From(address("a@example.org")), event.To(address("b@example.org")), event.Decision("encrypt"),
		event.Key("AA"), event.Source("wkd"), event.Trust("provider-trust"), event.Why("key AA from wkd"))
	event.CopyFailed.Log(log, event.QueueID("4bY"), event.To(address("c@example.org")), event.Err(errors.New("mailbox full")))
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
	_, i := watched(t)
	p := newPatient()
	socket := filepath.Join(t.TempDir(), "admin")
	l, err := web.Listen("admin", "unix:"+socket)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate.Gate{Config: i.config}
	pages := i.withStatus(&cobra.Command{}, newAdmin(&p.health, http.NotFoundHandler()), func() *gate.Gate { return g }, p.ready,
		slog.New(slog.DiscardHandler), event.NewRecent(1))
	s := web.Serve(l, pages, slog.New(slog.DiscardHandler))
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
	if text := ask("/status/"); !strings.Contains(text, i.config.State) || strings.Contains(text, "No mail can be handled") {
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
