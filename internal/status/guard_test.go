package status_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sealmilter/internal/status"
)

// TestHost: another site that lets its name lead here is not served.
func TestHost(t *testing.T) {
	h := newHost(t)
	h.options.Hosts = []string{"mx.example.org"}
	v := h.visit()
	for host, served := range map[string]bool{
		"127.0.0.1:8895": true, "127.0.0.1": true, "localhost:1234": true, "LOCALHOST": true, "[::1]:8895": true, "[::1]": true, "192.0.2.7:80": true,
		"mx.example.org:8895": true, "MX.example.org.": true,
		"evil.example": false, "evil.example:8895": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false, "": false,
		"mx.example.org.evil.example": false, "xlocalhost": false, "127.0.0.1@evil.example": false,
	} {
		answer, body := v.does(http.MethodGet, "/status/", nil, func(r *http.Request) { r.Host = host })
		if served && answer.StatusCode != http.StatusOK || !served && answer.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("%q: %s, %s", host, answer.Status, body)
		}
	}
}

// TestOtherSites: what another site's page makes a browser send changes nothing.
func TestOtherSites(t *testing.T) {
	for name, tc := range map[string]struct {
		edit    func(*http.Request)
		csrf    string // "" for that of the session
		refused bool
	}{
		"from the page itself":         {func(*http.Request) {}, "", false},
		"from an old browser":          {func(r *http.Request) { r.Header.Del("Sec-Fetch-Site") }, "", false},
		"from the page by its origin":  {func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "http://127.0.0.1:8895") }, "", false},
		"from another site":            {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, "", true},
		"from another port":            {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }, "", true},
		"from another origin":          {func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "http://127.0.0.1:80") }, "", true},
		"from no origin":               {func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "null") }, "", true},
		"with another name":            {func(r *http.Request) { r.Host = "evil.example"; r.Header.Set("Origin", "http://evil.example") }, "", true},
		"without a token":              {func(r *http.Request) {}, "-", true},
		"with the token of the cookie": {func(r *http.Request) {}, "cookie", true},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			inUse, waits := h.conflict("bob@example.net")
			before := h.pinned("bob@example.net")
			v := h.visit()
			form := url.Values{"csrf": {v.csrf}, "address": {"bob@example.net"}, "in_use": {inUse.Fingerprint()}, "waits": {waits.Fingerprint()},
				"do": {"accept"}, "compared": {"yes"}}
			switch tc.csrf {
			case "-":
				form.Del("csrf")
			case "cookie":
				form.Set("csrf", v.cookie.Value)
			}
			answer, body := v.does(http.MethodPost, "/status/conflicts", form, tc.edit)
			changed := h.pinned("bob@example.net") != before
			if changed == tc.refused || tc.refused && answer.StatusCode < 400 || !tc.refused && answer.StatusCode != http.StatusSeeOther {
				t.Errorf("changed %t, %s, %s", changed, answer.Status, body)
			}
		})
	}
	t.Run("with the token of another session", func(t *testing.T) {
		h := newHost(t)
		inUse, waits := h.conflict("bob@example.net")
		before := h.pinned("bob@example.net")
		one := h.visit()
		other := &visitor{t: t, page: one.page}
		other.post("/status/login", url.Values{"token": {token}})
		code, _ := other.post("/status/conflicts", url.Values{"csrf": {one.csrf}, "address": {"bob@example.net"}, "in_use": {inUse.Fingerprint()},
			"waits": {waits.Fingerprint()}, "do": {"accept"}, "compared": {"yes"}})
		if code != http.StatusForbidden || h.pinned("bob@example.net") != before {
			t.Error(code)
		}
	})
}

// TestHeaders: browsers load nothing from elsewhere, run nothing, keep nothing and show the page in no frame.
func TestHeaders(t *testing.T) {
	h := newHost(t)
	h.conflict("bob@example.net")
	v := h.visit()
	without := &visitor{t: t, page: status.New(h.options)}
	for _, who := range []*visitor{v, without} {
		for _, path := range append(everyPage, "/status/login", "/status/nowhere") {
			answer, body := who.does(http.MethodGet, path, nil, nil)
			for name, want := range map[string]string{
				"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
				"X-Content-Type-Options":  "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "same-origin",
			} {
				if got := answer.Header.Get(name); got != want {
					t.Errorf("%s: %s: %q", path, name, got)
				}
			}
			for _, no := range []string{"<script", "<style", " style=", "javascript:", "http://", "https://", "//"} {
				if strings.Contains(strings.ToLower(body), no) {
					t.Errorf("%s has %q", path, no)
				}
			}
		}
	}
	// A larger form than any of ours is not read.
	if code, _ := v.post("/status/conflicts", url.Values{"csrf": {v.csrf}, "address": {strings.Repeat("x", 10<<10)}}); code != http.StatusBadRequest {
		t.Error(code)
	}
	for path, kind := range map[string]string{"/status/style.css": "text/css; charset=utf-8", "/status/icon.svg": "image/svg+xml"} {
		if answer, body := without.does(http.MethodGet, path, nil, nil); answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != kind || body == "" {
			t.Errorf("%s: %s, %s", path, answer.Status, answer.Header)
		}
	}
}
