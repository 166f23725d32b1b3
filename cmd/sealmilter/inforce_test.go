package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/config"
)

// TestInForce reads what check reads of a daemon: nothing of the configuration's content is in it.
func TestInForce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.toml")
	if err := os.WriteFile(file, []byte("database = \"postgres://a:secret@db/x\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	changed := time.Unix(1_900_000_000, 0)
	if err := os.Chtimes(file, time.Time{}, changed); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	withInForce(http.NotFoundHandler(), func() *config.Config { return c }).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/inforce", nil))
	var told struct {
		Version string
		Changed time.Time
	}
	text := answer.Body.String()
	if err := json.Unmarshal([]byte(text), &told); err != nil || told.Version != version() || !told.Changed.Equal(changed) || strings.Contains(text, "secret") {
		t.Errorf("%v: %s", err, text)
	}
}
