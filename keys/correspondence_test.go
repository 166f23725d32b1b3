package keys_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// told has a correspondence note messages, each an author and readers, and returns what it has logged.
func (h *host) told(t *testing.T, messages ...[]string) string {
	t.Helper()
	var log bytes.Buffer
	c := keys.NewCorrespondence(h.store, h.clock.Now, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	for _, m := range messages {
		var readers []mail.Addr
		for _, reader := range m[1:] {
			readers = append(readers, addr(t, reader))
		}
		c.SentEncrypted(addr(t, m[0]), readers)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c.Run(ctx)
	return log.String()
}

// wrote reports whether it is known that a reader has sent an author an encrypted message.
func (h *host) wrote(t *testing.T, reader, author string) bool {
	t.Helper()
	known, err := keys.NewCorrespondence(h.store, h.clock.Now, slog.New(slog.DiscardHandler)).
		HasEncryptedTo(t.Context(), addr(t, reader), addr(t, author))
	if err != nil {
		t.Fatal(err)
	}
	return known
}

// TestCorrespondence has alice, who has a key here, and bob, who has none.
func TestCorrespondence(t *testing.T) {
	h := newHost(t)
	for _, sender := range []string{"alice@example.org", "carol@example.org"} {
		if _, err := h.senders.Generate(t.Context(), addr(t, sender), keys.GenerateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	h.told(t, []string{"Bob@Example.net", "alice@example.org", "dave@example.net"}, []string{"alice@example.org", "bob@example.net"},
		[]string{"alice@example.org", "Carol@example.org", "alice@example.org"})
	for _, tc := range []struct {
		reader, author string
		want           bool
	}{
		{"bob@example.net", "alice@example.org", true},
		{"alice@example.org", "bob@example.net", false}, // nobody here will be asked to attach bob's key
		{"bob@example.net", "dave@example.net", false},
		{"bob@example.net", "carol@example.org", false},
		{"Alice@example.org", "carol@EXAMPLE.org", true},
		{"carol@example.org", "alice@example.org", false},
		{"alice@example.org", "alice@example.org", false},
	} {
		if got := h.wrote(t, tc.reader, tc.author); got != tc.want {
			t.Errorf("%s has encrypted to %s: %t", tc.reader, tc.author, got)
		}
	}

	h.clock.advance(399 * day)
	if !h.wrote(t, "bob@example.net", "alice@example.org") {
		t.Error("it is forgotten too soon")
	}
	h.told(t, []string{"alice@example.org", "carol@example.org"})
	h.clock.advance(2 * day)
	if h.wrote(t, "bob@example.net", "alice@example.org") || !h.wrote(t, "alice@example.org", "carol@example.org") {
		t.Error("400 days are not what counts")
	}
	if n, err := keys.ForgetCorrespondence(t.Context(), h.store, h.clock.Now(), false); err != nil || n != 1 {
		t.Errorf("%d forgotten, %v", n, err)
	}
	if n, err := keys.ForgetCorrespondence(t.Context(), h.store, h.clock.Now(), true); err != nil || n != 1 ||
		h.wrote(t, "alice@example.org", "carol@example.org") {
		t.Errorf("%d forgotten in the end, %v", n, err)
	}
}

// TestCorrespondenceByAClockAhead does not count for years.
func TestCorrespondenceByAClockAhead(t *testing.T) {
	h := newHost(t)
	if _, err := h.senders.Generate(t.Context(), addr(t, "alice@example.org"), keys.GenerateOptions{Lifetime: 10 * 365 * day}); err != nil {
		t.Fatal(err)
	}
	h.clock.advance(4 * 365 * day)
	h.told(t, []string{"bob@example.net", "alice@example.org"})
	h.clock.advance(-4 * 365 * day)
	if h.wrote(t, "bob@example.net", "alice@example.org") {
		t.Error("it counts")
	}
	if n, err := keys.ForgetCorrespondence(t.Context(), h.store, h.clock.Now(), false); err != nil || n != 1 {
		t.Errorf("%d forgotten, %v", n, err)
	}
}

// TestCorrespondenceWaitsForNobody is told more than it can keep, by authors who must not wait.
func TestCorrespondenceWaitsForNobody(t *testing.T) {
	h := newHost(t)
	if _, err := h.senders.Generate(t.Context(), addr(t, "alice@example.org"), keys.GenerateOptions{}); err != nil {
		t.Fatal(err)
	}
	var messages [][]string
	for i := range 300 {
		messages = append(messages, []string{fmt.Sprintf("writer%d@example.net", i), "alice@example.org"})
	}
	log := h.told(t, messages...)
	if n := strings.Count(log, "too much waits"); n != 300-256 {
		t.Errorf("%d are not noted", n)
	}
	if !h.wrote(t, "writer0@example.net", "alice@example.org") || h.wrote(t, "writer299@example.net", "alice@example.org") {
		t.Error("not the first ones are noted")
	}
}

// TestCorrespondenceWithoutAStore is a warning in the log.
func TestCorrespondenceWithoutAStore(t *testing.T) {
	h := newHost(t)
	h.store.Close()
	if log := h.told(t, []string{"bob@example.net", "alice@example.org"}); !strings.Contains(log, "level=WARN") || strings.Contains(log, "bob") {
		t.Errorf("the log says %s", log)
	}
	if _, err := keys.NewCorrespondence(h.store, h.clock.Now, slog.New(slog.DiscardHandler)).
		HasEncryptedTo(t.Context(), addr(t, "bob@example.net"), addr(t, "alice@example.org")); err == nil {
		t.Error("nothing is known, and no error says so")
	}
}

// TestCorrespondenceTellsNoAddress searches the database for the addresses of a pair.
func TestCorrespondenceTellsNoAddress(t *testing.T) {
	h := newHost(t)
	if _, err := h.senders.Generate(t.Context(), addr(t, "alice@example.org"), keys.GenerateOptions{}); err != nil {
		t.Fatal(err)
	}
	h.told(t, []string{"secretive@example.net", "alice@example.org"})
	if !h.wrote(t, "secretive@example.net", "alice@example.org") {
		t.Fatal("it is not noted")
	}
	h.store.Close()
	wantNowhere(t, h.dir, "secretive")
}

// TestCorrespondenceRuns has notes written while it runs, each pair once a day.
func TestCorrespondenceRuns(t *testing.T) {
	h := newHost(t)
	if _, err := h.senders.Generate(t.Context(), addr(t, "alice@example.org"), keys.GenerateOptions{}); err != nil {
		t.Fatal(err)
	}
	c := keys.NewCorrespondence(h.store, h.clock.Now, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		c.Run(ctx)
		close(done)
	}()
	for range 3 {
		c.SentEncrypted(addr(t, "bob@example.net"), []mail.Addr{addr(t, "alice@example.org")})
		h.clock.advance(8 * time.Hour)
	}
	cancel()
	<-done
	if !h.wrote(t, "bob@example.net", "alice@example.org") {
		t.Error("nothing is noted")
	}
}

// wantNowhere searches the files of a directory for a text.
func wantNowhere(t *testing.T, dir, text string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(text)) {
			t.Errorf("%s has %q in it", path, text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
