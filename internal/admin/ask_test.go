package admin

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestAskGoesNowhereElse has another program answer in the daemon's place.
func TestAskGoesNowhereElse(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was asked") }))
	defer elsewhere.Close()
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusFound))
	defer server.Close()
	if yes, _, err := Ask(t.Context(), strings.TrimPrefix(server.URL, "http://"), "/readyz"); yes || err != nil {
		t.Error(yes, err)
	}
}
