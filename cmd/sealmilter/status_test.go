package main

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"sealmilter/internal/config"
	"sealmilter/internal/event"
	"sealmilter/internal/mail"
	"sealmilter/internal/status"
)

// TestAdminSocket: the group of the milter's socket, which is the mail server's, cannot open that of the status page.
func TestAdminSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "admin.sock")
	l, err := listenWeb("admin", "unix:"+socket)
	if err != nil {
		t.Fatal(err)
	}
	s := serveWeb(l, http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	defer s.close()
	if info, err := os.Stat(socket); err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Error(info.Mode(), err)
	}
	if _, err := listenWeb("admin", "unix:"+socket); err == nil {
		t.Error("two listen there")
	}
	yes, text, err := ask(t.Context(), "unix:"+socket, "/readyz")
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
