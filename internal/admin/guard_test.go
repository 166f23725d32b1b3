package admin

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// TestOnlyUnderItsOwnNames: a web page cannot read anything by letting its own name lead here, and the answer says what to do.
func TestOnlyUnderItsOwnNames(t *testing.T) {
	h := newHost(t)
	h.config.Admin = "mx.example.org:8895"
	h.config.Status.Hosts = []string{"metrics.example.org"}
	o := h.options(newPatient().Health)
	o.Hostname = "relay7"
	pages := New(o)
	for _, path := range []string{"/healthz", "/readyz", "/readyz?verbose", "/metrics", InForcePath, "/", "/nothing"} {
		for host, served := range map[string]bool{
			"127.0.0.1:8895": true, "[::1]:8895": true, "localhost:9999": true, "192.0.2.7:8895": true,
			"mx.example.org:8895": true, "metrics.example.org": true, "relay7:8895": true,
			"relay7.evil.example": false,
			"evil.example:8895":   false, "localhost.evil.example": false, "": false,
		} {
			r := httptest.NewRequest("GET", path, nil)
			r.Host = host
			w := httptest.NewRecorder()
			pages.ServeHTTP(w, r)
			if refused := w.Code == 421; refused == served || refused && !strings.Contains(w.Body.String(), "hosts in [status]") {
				t.Errorf("%s of %q: %d %s", path, host, w.Code, w.Body)
			}
			if w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("%s is kept", path)
			}
		}
	}
}

// TestStatusPageOnlyUnderWrittenNames: it has a login, which is for HTTPS or loopback.
func TestStatusPageOnlyUnderWrittenNames(t *testing.T) {
	h := newHost(t)
	for _, hostname := range []string{"relay7", ""} {
		o := h.options(newPatient().Health)
		o.Hostname = hostname
		pages := New(o)
		for _, path := range []string{"/status/", "/status/login"} {
			r := httptest.NewRequest("GET", path, nil)
			r.Host = "relay7"
			w := httptest.NewRecorder()
			if pages.ServeHTTP(w, r); w.Code != 421 {
				t.Errorf("%s of %q: %d", path, hostname, w.Code)
			}
		}
	}
}
