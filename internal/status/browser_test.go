package status_test

import (
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/lab/browser"
	"sealmilter/internal/status"
	"sealmilter/keys"
)

//go:embed testdata/judge.js
var judge string

// patience bounds a test that waits for something that never comes; fetching Chromium on a fresh machine included.
const patience = 10 * time.Minute

// looks are how pages are looked at: on a phone and on a screen, by day and by night.
var looks = map[string]browser.Look{
	"narrow":       {Width: 320, Height: 568},
	"zoomed":       {Width: 640, Height: 400}, // a screen of 1280 at 200 %
	"forced":       {Width: 1280, Height: 800, Forced: true},
	"phone-light":  {Width: 360, Height: 740},
	"phone-dark":   {Width: 360, Height: 740, Dark: true},
	"screen-light": {Width: 1280, Height: 800},
	"screen-dark":  {Width: 1280, Height: 800, Dark: true},
}

// longest is as long as an address may be, without a place to break it; rightToLeft turns its line.
var longest = strings.Repeat("m", 64) + "@" + strings.Repeat("d", 60) + "." + strings.Repeat("e", 60) + ".example"

const rightToLeft = "\u05de\u05e9\u05d4.\u05db\u05d4\u05df@\u05d3\u05d5\u05d2\u05de\u05d4.example"

// person looks at the page with a real browser.
type person struct {
	t testing.TB
	*browser.Browser
	ctx  context.Context
	base string
}

// must ends the test if something cannot be done with the browser.
func (p *person) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// text returns what the page says.
func (p *person) text() (text string) {
	p.t.Helper()
	p.must(p.Eval(p.ctx, "document.querySelector('main').innerText", &text))
	return text
}

// sees tells which of the texts are not on the page.
func (p *person) sees(texts ...string) {
	p.t.Helper()
	page := p.text()
	for _, text := range texts {
		if !strings.Contains(page, text) {
			p.t.Errorf("nothing says %q in\n%s", text, page)
		}
	}
}

// judges looks at the page in every way. With SEALMILTER_SCREENSHOTS, a folder, it also puts pictures there.
func (p *person) judges(name string) {
	p.t.Helper()
	for way, look := range looks {
		p.must(p.Resize(p.ctx, look))
		var wrong []string
		p.must(p.Eval(p.ctx, judge, &wrong))
		for _, w := range wrong {
			p.t.Errorf("%s, %s: %s", name, way, w)
		}
		if dir := os.Getenv("SEALMILTER_SCREENSHOTS"); dir != "" {
			picture, err := p.Screenshot(p.ctx)
			p.must(err)
			p.must(os.WriteFile(filepath.Join(dir, name+"-"+way+".png"), picture, 0o600))
		}
	}
	p.must(p.Resize(p.ctx, looks["screen-light"]))
}

// full makes a host on which there is something to see on every page.
func full(t testing.TB) *host {
	t.Helper()
	h := newHost(t)
	h.imports(h.generate("carol@example.com", 10*day, 0), h.generate("dora.with-a-long-name@a-rather-long-domain.example", 10*day, 25*day),
		h.generate("erin@example.com", 10*day, 5*day), h.generate(hostile, day, 0))
	h.imports(h.generate(longest, day, 0), h.generate(rightToLeft, 10*day, 25*day), h.generate("\u7528\u6237@\u4f8b\u5b50.example", day, 0))
	many := h.generate("many@example.org", day, 0)
	h.imports(many)
	for i := range 60 {
		h.assign(many, fmt.Sprintf("reader%02d@lists.example.org", i))
	}
	for _, address := range []string{"alice@example.org", "office@example.org"} {
		if _, err := h.senders.Generate(t.Context(), h.addr(address), keys.GenerateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.senders.Generate(t.Context(), h.addr("short@example.org"), keys.GenerateOptions{Lifetime: 5 * day}); err != nil {
		t.Fatal(err)
	}
	bob := h.generate("bob@example.net", day, 0).Fingerprint()
	h.options.Decisions = func() []status.Decision {
		return []status.Decision{
			{At: noon, Queue: "4bX7yz1kQz", From: "alice@example.org", To: "bob@example.net", Do: "encrypt", Fingerprint: bob, Source: "wkd", Level: "provider-trust"},
			{At: noon.Add(-time.Minute), Queue: "4bX7yz1kQy", From: "alice@example.org", To: "carol@example.com", Do: "sign", Why: "no source has a key"},
			{At: noon.Add(-time.Hour), Queue: "4bX7yz1kQx", From: "office@example.org", To: hostile, Do: "reject", Why: "no source has a key, and the policy wants one"},
		}
	}
	return h
}

// TestBrowser looks at the page with a real Chromium whose pages may run no script.
func TestBrowser(t *testing.T) {
	h := full(t)
	inUse, waits := h.conflict("bob@example.net")
	h.conflict("zoe@example.net")
	server := httptest.NewServer(status.New(h.options))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b, err := browser.Start(ctx, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	p := &person{t: t, Browser: b, ctx: ctx, base: server.URL}
	p.must(p.WithoutScripts(ctx))
	p.must(p.Resize(ctx, looks["screen-light"]))

	p.must(p.Open(ctx, p.base+"/status/"))
	p.sees("Log in", "Token")
	p.judges("login")
	p.must(p.Type(ctx, "#token", "not the token"))
	p.must(p.Follow(ctx, "main button"))
	p.sees("That is not the token.")
	p.judges("login-refused")
	p.must(p.Type(ctx, "#token", token))
	p.must(p.Follow(ctx, "main button"))
	p.sees("Running", "addresses have a certificate", "No mail can be handled", "The key of short@example.org has expired")
	p.judges("overview")
	var cookies string
	if p.must(p.Eval(ctx, "document.cookie", &cookies)); cookies != "" {
		t.Error("scripts can read the cookie", cookies)
	}

	p.must(p.Follow(ctx, "nav a[href='/status/recipients']"))
	p.judges("recipients")
	p.must(p.Follow(ctx, "a[rel=next]"))
	p.sees("zoe@example.net")
	p.judges("recipients-next")
	p.must(p.Follow(ctx, "a[rel=prev]"))
	p.must(p.Type(ctx, "#search", "BOB@"))
	p.must(p.Follow(ctx, ".search button"))
	p.sees("bob@example.net", "provider-trust")
	if strings.Contains(p.text(), "carol") {
		t.Error("the search finds others")
	}
	p.judges("recipients-search")
	p.must(p.Follow(ctx, "td a"))
	p.sees("Another certificate waits", "sealmilter keys unpin bob@example.net")
	p.judges("address")
	p.must(p.Follow(ctx, ".card .plainlink"))
	p.sees("Its keys")
	p.judges("certificate")
	p.must(p.Open(ctx, p.base+"/status/address?address="+url.QueryEscape(hostile)))
	p.judges("address-hostile")
	p.must(p.Follow(ctx, "nav a[href='/status/senders']"))
	p.sees("alice@example.org", "no passphrase")
	p.judges("senders")
	p.must(p.Follow(ctx, "nav a[href='/status/decisions']"))
	p.sees("4bX7yz1kQz")
	p.judges("decisions")
	p.must(p.Open(ctx, p.base+"/status/nowhere"))
	p.judges("refused")

	p.otherSite(h, inUse.Fingerprint(), waits.Fingerprint())

	// Nothing is accepted before it is said that the fingerprint was compared: the browser wants the tick.
	p.must(p.Open(ctx, p.base+"/status/conflicts"))
	p.sees("bob@example.net", "zoe@example.net")
	p.judges("conflicts")
	before := h.pinned("bob@example.net")
	p.must(p.Click(ctx, "button[value=accept]"))
	p.sees("I have compared")
	if got := h.pinned("bob@example.net"); got != before {
		t.Errorf("accepted without a tick: %s", got)
	}
	p.must(p.Click(ctx, "input[name=compared]"))
	p.must(p.Follow(ctx, "button[value=accept]"))
	p.sees(waits.Fingerprint() + " is now used for bob@example.net.")
	p.judges("conflicts-accepted")
	if got := h.pinned("bob@example.net"); got != waits.Fingerprint()+" fingerprint" || got == inUse.Fingerprint() {
		t.Errorf("pinned %s", got)
	}
	p.must(p.Follow(ctx, "button[value=keep]"))
	p.sees("is now used for zoe@example.net.", "No certificate waits for a decision.")
	p.judges("conflicts-none")

	p.must(p.Open(ctx, p.base+"/status/"))
	p.must(p.Follow(ctx, ".leave button"))
	p.sees("Log in")
	for _, asked := range p.Requests() {
		if !strings.HasPrefix(asked, p.base+"/status/") && !strings.HasSuffix(asked, "/evil") && !strings.HasSuffix(asked, "/favicon.ico") {
			t.Errorf("a page asks for %s", asked)
		}
	}
	expected := []string{"status of 403", "status of 404", "frame-ancestors 'none'"}
	complaints := p.Complaints()
	for _, said := range complaints {
		if !slices.ContainsFunc(expected, func(s string) bool { return strings.Contains(said, s) }) {
			t.Errorf("the browser says %s", said)
		}
	}
	if !strings.Contains(strings.Join(complaints, " "), expected[2]) {
		t.Error("another site can show the page in a frame")
	}
}

// otherSite visits a site on another port, which gets the cookie sent to the page, and sends a form to it. It shows the
// page in a frame, too.
func (p *person) otherSite(h *host, inUse, waits string) {
	p.t.Helper()
	before := h.pinned("bob@example.net")
	site := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!DOCTYPE html><main>evil<form method=post action="%s/status/conflicts"><input name=address value=bob@example.net>
			<input name=in_use value=%s><input name=waits value=%s><input name=compared value=yes><input name=csrf value=x><button name=do value=accept>Win</button></form>
			<iframe src="%[1]s/status/conflicts"></iframe></main>`, p.base, inUse, waits)
	})
	evil := httptest.NewServer(site)
	defer evil.Close()
	p.must(p.Open(p.ctx, evil.URL+"/evil"))
	p.must(p.Follow(p.ctx, "button"))
	if got := h.pinned("bob@example.net"); got != before {
		p.t.Errorf("another site's form has pinned %s", got)
	}
	p.sees("Nothing was changed.")
}
