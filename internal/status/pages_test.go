package status_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"sealmilter/internal/status"
	"sealmilter/keys"
)

var (
	tags  = regexp.MustCompile(`(?s)<[^>]*>`)
	white = regexp.MustCompile(`\s+`)
)

// read returns what a page says, without its tags.
func read(body string) string {
	return white.ReplaceAllString(html.UnescapeString(tags.ReplaceAllString(body, " ")), " ")
}

// said tells which of the texts a page does not have.
func said(t *testing.T, body string, texts ...string) {
	t.Helper()
	page := read(body)
	for _, text := range texts {
		if !strings.Contains(page, text) {
			t.Errorf("nothing says %q in\n%s", text, page)
		}
	}
}

// TestRecipients: each address has its certificate, why it is believed, and until when.
func TestRecipients(t *testing.T) {
	h := newHost(t)
	h.imports(h.generate("carol@example.com", 10*day, 0), h.generate("dora@example.com", 10*day, 25*day), h.generate("erin@example.com", 10*day, 5*day))
	inUse, waits := h.conflict("bob@example.net")
	v := h.visit()
	_, body := v.get("/status/recipients")
	said(t, body, "bob@example.net yes Web Key Directory (wkd): the address's own domain publishes it (provider-trust) 2026-03-01 never",
		"carol@example.com yes imported: an administrator has imported it (known-key) not yet never",
		"dora@example.com yes imported: an administrator has imported it (known-key) not yet 2026-03-16 soon",
		"erin@example.com no its certificate expired on 2026-02-24", "sealmilter keys list")
	_, body = v.get("/status/recipients?search=BOB")
	said(t, body, "bob@example.net yes")
	if strings.Contains(body, "carol@") {
		t.Error("the search finds others")
	}
	_, body = v.get("/status/recipients?search=nobody")
	said(t, body, "No address with “nobody” in it has a certificate.")

	_, body = v.get("/status/address?address=bob@example.net")
	said(t, body, "Mail to this address can be encrypted.", "Another certificate waits", strings.Join(split(inUse.Fingerprint()), " "),
		strings.Join(split(waits.Fingerprint()), " "), "sealmilter keys lookup bob@example.net", "sealmilter keys unpin bob@example.net")
	_, body = v.get("/status/certificate?fingerprint=" + inUse.Fingerprint())
	said(t, body, "In use for bob@example.net", "primary key", "sealmilter keys export "+inUse.Fingerprint())
	for path, want := range map[string]int{"/status/address": http.StatusBadRequest, "/status/address?address=a@@b": http.StatusBadRequest,
		"/status/address?address=new@example.org": http.StatusOK, "/status/certificate?fingerprint=x": http.StatusBadRequest,
		"/status/certificate?fingerprint=" + strings.Repeat("A", 40): http.StatusNotFound, "/status/x": http.StatusNotFound} {
		if code, body := v.get(path); code != want {
			t.Errorf("%s: %d, %s", path, code, body)
		}
	}
}

func split(fingerprint string) (all []string) {
	for ; len(fingerprint) > 0; fingerprint = fingerprint[4:] {
		all = append(all, fingerprint[:4])
	}
	return all
}

// TestRecipientsInPages goes forth and back through more addresses than a page has.
func TestRecipientsInPages(t *testing.T) {
	h := newHost(t)
	cert := h.generate("x@example.org", day, 0)
	h.imports(cert)
	for i := range 119 {
		if err := h.asking.Pin(t.Context(), h.addr("x@example.org"), cert.Fingerprint()); err != nil {
			t.Fatal(err)
		}
		h.assign(cert, fmt.Sprintf("u%03d@example.org", i))
	}
	v := h.visit()
	address := regexp.MustCompile(`<bdi>([a-z0-9]+@example.org)</bdi>`)
	turn := func(body, rel string) string {
		m := regexp.MustCompile(`rel="` + rel + `" href="([^"]+)"`).FindStringSubmatch(body)
		if m == nil {
			return ""
		}
		return html.UnescapeString(m[1])
	}
	var pages [][]string
	path := "/status/recipients?search=%40example.org"
	for path != "" {
		_, body := v.get(path)
		var page []string
		for _, m := range address.FindAllStringSubmatch(body, -1) {
			page = append(page, m[1])
		}
		pages = append(pages, page)
		if (turn(body, "prev") == "") != (len(pages) == 1) {
			t.Errorf("page %d leads back to %q", len(pages), turn(body, "prev"))
		}
		next := turn(body, "next")
		if next == "" {
			back := path
			for i := len(pages) - 2; i >= 0; i-- {
				_, body := v.get(back)
				back = turn(body, "prev")
				_, body = v.get(back)
				if m := address.FindStringSubmatch(body); m == nil || m[1] != pages[i][0] {
					t.Errorf("back on page %d: %q", i, m)
				}
			}
		}
		path = next
	}
	var all []string
	for _, p := range pages {
		all = append(all, p...)
	}
	if len(pages) != 3 || len(all) != 120 || all[0] != "u000@example.org" || all[119] != "x@example.org" {
		t.Errorf("%d pages, %d addresses: %q", len(pages), len(all), all)
	}
}

// assign makes a certificate serve an address on an administrator's word.
func (h *host) assign(cert interface{ Bytes() []byte }, address string) {
	h.t.Helper()
	err := h.local.Import(h.t.Context(), strings.NewReader(string(cert.Bytes())), keys.ImportOptions{For: h.addrs(address)}, func(keys.Imported) {})
	if err != nil {
		h.t.Fatal(err)
	}
}

// TestConflicts: each button does what the command does, and nothing is done that was not shown.
func TestConflicts(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit func(url.Values)
		// used is "waits" or "in use" for what is pinned by its fingerprint then, "" for no change.
		used, says string
	}{
		{"accept", func(url.Values) {}, "waits", "is now used for bob@example.net."},
		{"keep", func(f url.Values) { f.Set("do", "keep"); f.Del("compared") }, "in use", "is now used for bob@example.net."},
		{"accept without comparing", func(f url.Values) { f.Del("compared") }, "", "first compare the fingerprint"},
		{"another one waits by now", func(f url.Values) { f.Set("waits", strings.Repeat("A", 40)) }, "", "the conflict is not there any more"},
		{"another one is in use by now", func(f url.Values) { f.Set("in_use", strings.Repeat("A", 40)) }, "", "the conflict is not there any more"},
		{"another address", func(f url.Values) { f.Set("address", "carol@example.net") }, "", "the conflict is not there any more"},
		{"no address", func(f url.Values) { f.Set("address", "") }, "", "names no address"},
		{"nothing to do", func(f url.Values) { f.Set("do", "") }, "", "does not say what to do"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHost(t)
			inUse, waits := h.conflict("bob@example.net")
			before := h.pinned("bob@example.net")
			v := h.visit()
			_, body := v.get("/status/conflicts")
			said(t, body, "bob@example.net", "Web Key Directory (wkd) has given the one that waits since 2026-03-03",
				"sealmilter keys pin bob@example.net "+waits.Fingerprint(), "sealmilter keys pin bob@example.net "+inUse.Fingerprint())
			form := url.Values{"csrf": {v.csrf}, "address": {"bob@example.net"}, "in_use": {inUse.Fingerprint()}, "waits": {waits.Fingerprint()},
				"do": {"accept"}, "compared": {"yes"}}
			tc.edit(form)
			code, body := v.post("/status/conflicts", form)
			if code == http.StatusSeeOther {
				_, body = v.get("/status/conflicts")
			}
			said(t, body, tc.says)
			want := map[string]string{"waits": waits.Fingerprint() + " fingerprint", "in use": inUse.Fingerprint() + " fingerprint", "": before}[tc.used]
			if got := h.pinned("bob@example.net"); got != want {
				t.Errorf("pinned %s, want %s", got, want)
			}
			if decided := strings.Contains(h.log.String(), "event=page.decided"); decided != (tc.used != "") {
				t.Error(h.log.String())
			}
			if tc.used == "" {
				return
			}
			if _, body = v.get("/status/conflicts"); strings.Contains(body, "is now used for") {
				t.Error("the notice stays")
			}
			said(t, body, "No certificate waits for a decision.")
			if code, _ = v.post("/status/conflicts", form); code != http.StatusSeeOther {
				t.Error("a second time:", code)
			}
		})
	}
}

// TestSenders: whether a key signs is tried.
func TestSenders(t *testing.T) {
	h := newHost(t)
	if _, err := h.senders.Generate(t.Context(), h.addr("alice@example.org"), keys.GenerateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.senders.Generate(t.Context(), h.addr("short@example.org"), keys.GenerateOptions{Lifetime: 5 * day}); err != nil {
		t.Fatal(err)
	}
	v := h.visit()
	_, body := v.get("/status/senders")
	said(t, body, "alice@example.org yes no passphrase", "short@example.org yes", "2026-03-06 soon", "sealmilter keys list --secret")
	_, body = v.get("/status/")
	said(t, body, "The key of short@example.org expires on 2026-03-06.", "No mail can be handled: read the database: the disk is full", "v1.2.3",
		"mode prefer , 2 rules", "imported, then Web Key Directory (wkd)", "2 addresses have a certificate", "0 conflicts wait")
	h.clock.advance(10 * day)
	v = h.visit()
	_, body = v.get("/status/senders?search=SHORT")
	said(t, body, "short@example.org no its certificate expired on 2026-03-06", "2026-03-06 expired")
	if strings.Contains(body, "alice@") {
		t.Error("the search finds others")
	}
}

// TestDecisions: the last ones, and those that are searched for.
func TestDecisions(t *testing.T) {
	h := newHost(t)
	v := h.visit()
	_, body := v.get("/status/decisions")
	said(t, body, "The daemon keeps no decisions in memory.")
	h.options.Decisions = func() []status.Decision {
		return []status.Decision{
			{At: noon, Queue: "4bX7yz", From: "alice@example.org", To: "bob@example.net", Do: "encrypt", Fingerprint: strings.Repeat("A", 40), Source: "wkd", Level: "provider-trust"},
			{At: noon, Queue: "4bX7yy", From: "alice@example.org", To: hostile, Do: "reject", Why: "no source has a key"},
		}
	}
	v = h.visit()
	_, body = v.get("/status/decisions")
	said(t, body, "2026-03-01 12:00 UTC queue id 4bX7yz bob@example.net from alice@example.org encrypt Web Key Directory (wkd) (provider-trust)",
		"reject no source has a key")
	_, body = v.get("/status/decisions?search=4bx7YZ")
	if said(t, body, "encrypt"); strings.Contains(body, ">reject<") {
		t.Error("the search finds others")
	}
}

// TestHostile: what somebody else has chosen is text on every page, in every command a single argument, and never a tag.
func TestHostile(t *testing.T) {
	h := newHost(t)
	_, waits := h.conflict(hostile)
	whole := h.generate(hostile, day, 0)
	h.imports(whole)
	h.options.Decisions = func() []status.Decision {
		return []status.Decision{{At: noon, Queue: "<b>", From: hostile, To: hostile, Do: "<i>", Why: "<script>"}}
	}
	v := h.visit()
	for _, path := range []string{"/status/", "/status/recipients", "/status/recipients?search=%3Cscript%3E", "/status/recipients?search=%22%3E%3Cscript%3E",
		"/status/conflicts", "/status/decisions?search=%3Cscript%3E", "/status/senders?search=%3Cscript%3E", "/status/certificate?fingerprint=" + waits.Fingerprint(),
		"/status/certificate?fingerprint=" + whole.Fingerprint(), "/status/address?address=" + url.QueryEscape(hostile)} {
		code, body := v.get(path)
		if lower := strings.ToLower(body); code != http.StatusOK || strings.Contains(lower, "<script") || strings.Contains(lower, "\u202e") || strings.Contains(lower, "<b>") || strings.Contains(lower, "<i>") {
			t.Errorf("%s: %d\n%s", path, code, body)
		}
	}
	_, body := v.get("/status/address?address=" + url.QueryEscape(hostile))
	said(t, body, `sealmilter keys lookup '" onload=alert(1) '\''$(id)"@evil.example'`, "\" onload=alert(2) \ufffd <")
	_, body = v.get("/status/certificate?fingerprint=" + whole.Fingerprint())
	said(t, body, hostileTag)
	_, body = v.get("/status/address?address=-x@example.org")
	said(t, body, "sealmilter keys lookup -- -x@example.org", "--to=-x@example.org")
	// The form takes the address as it is.
	_, body = v.get("/status/conflicts")
	field := func(name string) string {
		m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(body)
		if m == nil {
			t.Fatalf("no %s in\n%s", name, body)
		}
		return html.UnescapeString(m[1])
	}
	form := url.Values{"do": {"accept"}, "compared": {"yes"}}
	for _, name := range []string{"csrf", "address", "in_use", "waits"} {
		form.Set(name, field(name))
	}
	if code, body := v.post("/status/conflicts", form); code != http.StatusSeeOther {
		t.Fatal(code, body)
	}
	if got := h.pinned(h.addr(hostile).Key()); got != waits.Fingerprint()+" fingerprint" {
		t.Error(got)
	}
}
