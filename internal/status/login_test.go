package status_test

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/status"
)

// everyPage are all pages that show something of somebody.
var everyPage = []string{"/status/", "/status/recipients", "/status/recipients?search=bob", "/status/address?address=bob@example.net",
	"/status/conflicts", "/status/senders", "/status/decisions", "/status/certificate?fingerprint=0123456789ABCDEF0123456789ABCDEF01234567"}

// TestNothingWithoutToken: without the cookie of a session no page shows anything, and no form does anything.
func TestNothingWithoutToken(t *testing.T) {
	h := newHost(t)
	inUse, waits := h.conflict("bob@example.net")
	v := &visitor{t: t, page: status.New(h.options)}
	for _, path := range everyPage {
		answer, body := v.does(http.MethodGet, path, nil, nil)
		if answer.StatusCode != http.StatusSeeOther || answer.Header.Get("Location") != "/status/login" || strings.Contains(body, "bob@") {
			t.Errorf("%s: %s, %s", path, answer.Status, body)
		}
	}
	before := h.pinned("bob@example.net")
	form := url.Values{"csrf": {""}, "address": {"bob@example.net"}, "in_use": {inUse.Fingerprint()}, "waits": {waits.Fingerprint()}, "do": {"accept"}, "compared": {"yes"}}
	for _, cookie := range []string{"", "x", "=;"} {
		code, body := v.post("/status/conflicts", form)
		if code != http.StatusForbidden || h.pinned("bob@example.net") != before {
			t.Errorf("with cookie %q: %d, %s", cookie, code, body)
		}
		v.cookie = &http.Cookie{Name: "sealmilter_status", Value: cookie}
	}
}

// TestLogin: the token opens the page for a while, and nothing else does.
func TestLogin(t *testing.T) {
	h := newHost(t)
	v := &visitor{t: t, page: status.New(h.options)}
	for _, wrong := range []string{"", "x", token[1:], token + "0", strings.ToUpper(token)} {
		if code, body := v.post("/status/login", url.Values{"token": {wrong}}); code != http.StatusForbidden || v.cookie != nil {
			t.Errorf("%q: %d, %s", wrong, code, body)
		}
	}
	// A token in the address is none.
	if code, _ := v.post("/status/login?token="+token, url.Values{}); code != http.StatusForbidden {
		t.Error(code)
	}
	if code, _ := v.post("/status/login", url.Values{"token": {" " + token + "\n"}}); code != http.StatusSeeOther {
		t.Fatal(code)
	}
	c := v.cookie
	if c == nil || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/status/" || c.Domain != "" || strings.Contains(c.Value, token) {
		t.Fatalf("%+v", c)
	}
	opened := func(want bool) {
		t.Helper()
		if code, _ := v.get("/status/"); (code == http.StatusOK) != want {
			t.Errorf("%d, want open %t", code, want)
		}
	}
	h.clock.advance(29 * time.Minute)
	opened(true)
	h.clock.advance(29 * time.Minute)
	opened(true)
	h.clock.advance(31 * time.Minute)
	opened(false)

	t.Run("eight hours end every session", func(t *testing.T) {
		v := h.visit()
		for range 24 {
			h.clock.advance(20 * time.Minute)
			if code, _ := v.get("/status/"); code != http.StatusOK {
				t.Fatal(code)
			}
		}
		h.clock.advance(time.Minute)
		if code, _ := v.get("/status/"); code != http.StatusSeeOther {
			t.Error(code)
		}
	})
	t.Run("logout ends it", func(t *testing.T) {
		v := h.visit()
		cookie := v.cookie
		if code, _ := v.post("/status/logout", url.Values{"csrf": {v.csrf}}); code != http.StatusSeeOther || v.cookie != nil {
			t.Error(code, v.cookie)
		}
		v.cookie = cookie
		if code, _ := v.get("/status/"); code != http.StatusSeeOther {
			t.Error("the session goes on", code)
		}
	})
	t.Run("another token ends it", func(t *testing.T) {
		v := h.visit()
		h.setToken("another-token-that-is-long-enough")
		if code, _ := v.get("/status/"); code != http.StatusSeeOther {
			t.Error(code)
		}
		h.setToken(token)
	})
	t.Run("there are not too many", func(t *testing.T) {
		v := h.visit()
		page := v.page
		for range 64 {
			h.clock.advance(time.Second)
			other := &visitor{t: t, page: page}
			other.post("/status/login", url.Values{"token": {token}})
		}
		if code, _ := v.get("/status/"); code != http.StatusSeeOther {
			t.Error("the oldest is still there", code)
		}
	})
	if log := h.log.String(); strings.Contains(log, token) || !strings.Contains(log, "event=page.guess ") || strings.Contains(log, c.Value) {
		t.Error(log)
	}
}

// TestGuessesAreLimited: after ten wrong tokens nobody gets in, and later there are new guesses.
func TestGuessesAreLimited(t *testing.T) {
	h := newHost(t)
	v := &visitor{t: t, page: status.New(h.options)}
	try := func(text string) int {
		code, _ := v.post("/status/login", url.Values{"token": {text}})
		return code
	}
	for i := range 10 {
		if code := try("wrong"); code != http.StatusForbidden {
			t.Errorf("guess %d: %d", i, code)
		}
	}
	for _, text := range []string{"wrong", token} {
		if code := try(text); code != http.StatusTooManyRequests {
			t.Errorf("%q: %d", text, code)
		}
	}
	h.clock.advance(30 * time.Second)
	if code := try("wrong"); code != http.StatusForbidden {
		t.Error(code)
	}
	if code := try(token); code != http.StatusTooManyRequests {
		t.Error(code)
	}
	h.clock.advance(30 * time.Second)
	if code := try(token); code != http.StatusSeeOther {
		t.Error(code)
	}
}

// TestOff: without a token the page is for a socket only, and a token that is none opens nothing.
func TestOff(t *testing.T) {
	h := newHost(t)
	v := &visitor{t: t, page: status.New(h.options)}
	for name, spoil := range map[string]func() error{
		"short":    func() error { return os.WriteFile(h.tokenFile, []byte("short\n"), 0o600) },
		"empty":    func() error { return os.WriteFile(h.tokenFile, nil, 0o600) },
		"readable": func() error { h.setToken(token); return os.Chmod(h.tokenFile, 0o644) },
		"missing":  func() error { return os.Remove(h.tokenFile) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"", "short", token} {
			if code, body := v.post("/status/login", url.Values{"token": {text}}); code != http.StatusInternalServerError || strings.Contains(body, h.tokenFile) {
				t.Errorf("%s, %q: %d, %s", name, text, code, body)
			}
		}
		if name == "missing" {
			h.setToken(token)
		}
		_ = os.Chmod(h.tokenFile, 0o600)
		h.clock.advance(time.Hour)
	}

	h.options.TokenFile = ""
	v = &visitor{t: t, page: status.New(h.options)}
	for _, path := range append(everyPage, "/status/login") {
		if code, body := v.get(path); code != http.StatusForbidden || !strings.Contains(body, "token_file") {
			t.Errorf("%s: %d, %s", path, code, body)
		}
	}
	if code, _ := v.post("/status/login", url.Values{"token": {""}}); code != http.StatusForbidden {
		t.Error("an empty token logs in", code)
	}

	// Over a Unix socket it is open, unless the socket is everybody's.
	socket := filepath.Join(t.TempDir(), "admin.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	server := &http.Server{Handler: status.New(h.options)}
	go server.Serve(l)
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	for mode, want := range map[os.FileMode]int{0o600: http.StatusOK, 0o660: http.StatusOK, 0o666: http.StatusForbidden, 0o602: http.StatusForbidden} {
		if err := os.Chmod(socket, mode); err != nil {
			t.Fatal(err)
		}
		answer, err := client.Get("http://localhost/status/")
		if err != nil {
			t.Fatal(err)
		}
		if answer.Body.Close(); answer.StatusCode != want || want == http.StatusOK && len(answer.Cookies()) != 1 {
			t.Errorf("%04o: %s, %v", mode, answer.Status, answer.Cookies())
		}
	}
}
