package main

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/admin"
	"sealmilter/internal/config"
	"sealmilter/internal/gate"
	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
	"sealmilter/keys"
)

// TestNothingIsLearntUnlessAskedFor puts configurations in force: one alone has written down who writes encrypted to whom,
// and every other has what is there deleted.
func TestNothingIsLearntUnlessAskedFor(t *testing.T) {
	c := config.Default()
	c.State = filepath.Join(t.TempDir(), "state")
	c.Keys.Sources = []string{"local"}
	i := opened(t, c)
	alice, bob := parsed(t, "alice@example.org"), parsed(t, "bob@example.net")
	if _, err := i.Senders.Generate(t.Context(), alice, keys.GenerateOptions{}); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	known := func() bool {
		t.Helper()
		known, err := keys.NewCorrespondence(i.Store, time.Now, log).HasEncryptedTo(t.Context(), bob, alice)
		if err != nil {
			t.Fatal(err)
		}
		return known
	}
	for _, choice := range []config.AttachKey{config.AttachUntilEncrypted, config.AttachNever, config.AttachSigned, config.AttachAlways, ""} {
		configured := *c
		configured.Crypto.AttachKey = config.AttachUntilEncrypted
		r, err := i.start(&configured, outbox.New(c.Reinject, i.Store, time.Now), log, &admin.KeyObserver{Log: log, Metrics: admin.NewMetrics("")})
		if err != nil {
			t.Fatal(err)
		}
		r.gate.Learner.SentEncrypted(bob, []mail.Addr{alice})
		r.stop()
		if !known() {
			t.Fatal("nothing is learnt")
		}

		configured.Crypto.AttachKey = choice
		if r, err = i.start(&configured, outbox.New(c.Reinject, i.Store, time.Now), log, &admin.KeyObserver{Log: log, Metrics: admin.NewMetrics("")}); err != nil {
			t.Fatal(err)
		}
		learns := choice == config.AttachUntilEncrypted
		if (r.gate.Learner != nil) != learns || (r.gate.Correspondence != nil) != learns {
			t.Errorf("attach_key %q: %v learns, %v is asked", choice, r.gate.Learner, r.gate.Correspondence)
		}
		var told bytes.Buffer
		newCare(i, admin.NewMetrics(""), slog.New(slog.NewTextHandler(&told, &slog.HandlerOptions{Level: slog.LevelDebug})),
			func() *gate.Gate { return r.gate }).forget(t.Context(), time.Now())
		if known() != learns || !strings.Contains(told.String(), "deleted") {
			t.Errorf("attach_key %q: known %t, the log says %s", choice, known(), told.String())
		}
		r.stop()
	}
}
