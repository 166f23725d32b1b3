package premises

import (
	"bytes"
	"crypto/rand"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
)

// TestArchiveTrouble looks at the certificate of the archive as it comes to its end.
func TestArchiveTrouble(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	address, err := mail.ParseAddr("archive@example.org")
	if err != nil {
		t.Fatal(err)
	}
	secret, err := crypto.Generate(address,
		crypto.GenerateOptions{Now: now, Rand: rand.Reader, Lifetime: 365 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		after    time.Duration
		unusable bool
		text     string
		level    string
	}{
		{time.Hour, false, "", ""},
		{334 * 24 * time.Hour, false, "", ""},
		{336 * 24 * time.Hour, false, "expires on 2027-03-01", "level=WARN"},
		{366 * 24 * time.Hour, true, "expired on 2027-03-01", "level=ERROR"},
	} {
		text, unusable := ArchiveTrouble(secret.Cert(), now.Add(tc.after))
		if unusable != tc.unusable || !strings.Contains(text, tc.text) || tc.text == "" && text != "" {
			t.Errorf("after %v: unusable %t, %q", tc.after, unusable, text)
		}
		var log bytes.Buffer
		WatchArchive(secret.Cert(), slog.New(slog.NewTextHandler(&log, nil)), now.Add(tc.after))
		if !strings.Contains(log.String(), tc.level) || tc.level == "" && log.Len() > 0 {
			t.Errorf("after %v: the log says %s", tc.after, log.String())
		}
	}
}
