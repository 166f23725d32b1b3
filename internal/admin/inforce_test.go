package admin

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
	h := newHost(t)
	h.config = c
	answer, request := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, InForcePath, nil)
	request.Host = "127.0.0.1:8895"
	New(h.options(nil)).ServeHTTP(answer, request)
	var told InForce
	text := answer.Body.String()
	if err := json.Unmarshal([]byte(text), &told); err != nil || told.Version != "v1.2.3" || !told.Changed.Equal(changed) || strings.Contains(text, "secret") {
		t.Errorf("%v: %s", err, text)
	}
}
