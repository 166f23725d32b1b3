package status_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
	"sealmilter/internal/status"
	"sealmilter/internal/store"
	"sealmilter/keys"
)

const (
	day   = 24 * time.Hour
	token = "0123456789abcdef0123456789abcdef"
	// hostile is an address that wants to be an attribute and a command.
	hostile = `" onload=alert(1) '$(id)"@evil.example`
	// hostileTag wants to be a tag, and hostileTurn to turn the direction of what stands behind it.
	hostileTag, hostileTurn = "<script>alert(2)</script>", "\" onload=alert(2) \u202e"
)

// noon is when the tests begin.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is one that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// provider is a source that gives what the test says.
type provider struct {
	mu    sync.Mutex
	certs []*crypto.Cert
}

func (*provider) Name() string { return "wkd" }

func (p *provider) Lookup(context.Context, mail.Addr) ([]*crypto.Cert, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.certs) == 0 {
		return nil, keys.ErrNotFound
	}
	return p.certs, nil
}

func (p *provider) gives(certs ...*crypto.Cert) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.certs = certs
}

// host is an installation with its page.
type host struct {
	t         testing.TB
	clock     *clock
	store     *store.Store
	local     *keys.Local
	senders   *keys.Senders
	wkd       *provider
	asking    *keys.Directory // the daemon's
	tokenFile string
	log       *journal
	options   status.Options
}

// journal keeps what is logged.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func newHost(t testing.TB) *host {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), filepath.Join(dir, "keys.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	h := &host{t: t, clock: &clock{now: noon}, store: s, wkd: &provider{}, tokenFile: filepath.Join(dir, "token"), log: &journal{}}
	h.local = keys.NewLocal(s, h.clock.Now)
	h.senders = keys.NewSenders(s, h.local, keys.SendersOptions{Place: keys.InFiles, Dir: filepath.Join(dir, "secret"), Now: h.clock.Now, Rand: rand.Reader})
	h.asking = keys.NewDirectory(s, []keys.Source{h.local, h.wkd}, keys.Options{Now: h.clock.Now})
	h.setToken(token)
	h.options = status.Options{
		TokenFile: h.tokenFile,
		Directory: func() *keys.Directory {
			return keys.NewDirectory(s, []keys.Source{h.local}, keys.Options{Now: h.clock.Now, Peek: true})
		},
		Certificates: h.local,
		Senders:      h.senders,
		State: func(context.Context) status.State {
			return status.State{Version: "v1.2.3", Started: noon.Add(-50 * time.Hour), Mode: "prefer", Rules: 2, Sources: []string{"local", "wkd"},
				Database: "built in, in /var/lib/sealmilter", Ready: errors.New("read the database: the disk is full"),
				Warnings: []status.Warning{{Text: "The archive's certificate expires on 2026-03-20.", Command: []string{"check"}}}}
		},
		Program: "sealmilter",
		Log:     slog.New(slog.NewTextHandler(h.log, nil)),
		Now:     h.clock.Now,
		Rand:    rand.Reader,
	}
	return h
}

func (h *host) setToken(text string) {
	h.t.Helper()
	if err := os.WriteFile(h.tokenFile, []byte(text+"\n"), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) addr(address string) mail.Addr {
	h.t.Helper()
	a, err := mail.ParsePath(address)
	if err != nil {
		h.t.Fatal(err)
	}
	return a
}

// generate makes a certificate that is age old and lives so long; 0 for ever.
func (h *host) generate(address string, age, lifetime time.Duration) *crypto.Cert {
	h.t.Helper()
	if address == hostile {
		return h.hostile(age)
	}
	key, err := crypto.Generate(h.addr(address), crypto.GenerateOptions{Now: noon.Add(-age), Rand: rand.Reader, Lifetime: lifetime})
	if err != nil {
		h.t.Fatal(err)
	}
	return key.Cert()
}

// hostile makes a certificate whose User ID no program lets its owner choose.
func (h *host) hostile(age time.Duration) *crypto.Cert {
	h.t.Helper()
	config := &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Time: func() time.Time { return noon.Add(-age) }}
	entity, err := openpgp.NewEntity("x", "", "x@evil.example", config)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, id := range entity.Identities {
		// A name with angle brackets has no address beside it that counts.
		named, unnamed := *id.SelfSignature, *id.SelfSignature
		entity.Identities = map[string]*openpgp.Identity{
			"named":   {UserId: &packet.UserId{Id: hostileTurn + " <" + hostile + ">"}, SelfSignature: &named, Signatures: []*packet.Signature{&named}},
			"unnamed": {UserId: &packet.UserId{Id: hostileTag}, SelfSignature: &unnamed, Signatures: []*packet.Signature{&unnamed}},
		}
	}
	for _, id := range entity.Identities {
		if err := id.SelfSignature.SignUserId(id.UserId.Id, entity.PrimaryKey, entity.PrivateKey, config); err != nil {
			h.t.Fatal(err)
		}
	}
	var raw bytes.Buffer
	if err := entity.Serialize(&raw); err != nil {
		h.t.Fatal(err)
	}
	ring, err := crypto.ReadKeyring(&raw)
	if err != nil || len(ring.Certs) != 1 {
		h.t.Fatal(ring, err)
	}
	return ring.Certs[0]
}

// imports imports certificates.
func (h *host) imports(certs ...*crypto.Cert) {
	h.t.Helper()
	for _, c := range certs {
		err := h.local.Import(h.t.Context(), bytes.NewReader(c.Bytes()), keys.ImportOptions{}, func(keys.Imported) {})
		if err != nil {
			h.t.Fatal(err)
		}
	}
}

// conflict makes one: the domain gives a certificate, and later another.
func (h *host) conflict(address string) (inUse, waits *crypto.Cert) {
	h.t.Helper()
	inUse, waits = h.generate(address, 20*day, 0), h.generate(address, 10*day, 0)
	h.wkd.gives(inUse)
	for range 2 {
		if a := h.asking.Lookup(h.t.Context(), h.addr(address)); a.Status != keys.Found {
			h.t.Fatalf("%+v", a)
		}
		h.wkd.gives(waits)
		h.clock.advance(2 * day)
	}
	h.wkd.gives()
	return inUse, waits
}

// pinned returns the fingerprint in use for an address and how far it is believed.
func (h *host) pinned(address string) string {
	h.t.Helper()
	p, err := h.store.Pin(h.t.Context(), address)
	if err != nil {
		h.t.Fatal(err)
	}
	return p.Fingerprint + " " + keys.Level(p.Level).String()
}

// visitor is a browser without JavaScript: it has cookies, and sends forms as they are.
type visitor struct {
	t      testing.TB
	page   *status.Page
	cookie *http.Cookie
	// csrf is the token of the last form that was seen.
	csrf string
}

var hidden = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// does sends a request with a form, nil for none, and returns the answer with its body. Edit changes the request before.
func (v *visitor) does(method, path string, form url.Values, edit func(*http.Request)) (*http.Response, string) {
	v.t.Helper()
	r := httptest.NewRequest(method, "http://127.0.0.1:8895"+path, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if v.cookie != nil {
		r.AddCookie(v.cookie)
	}
	if edit != nil {
		edit(r)
	}
	w := httptest.NewRecorder()
	v.page.ServeHTTP(w, r)
	answer := w.Result()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	for _, c := range answer.Cookies() {
		if v.cookie = c; c.MaxAge < 0 {
			v.cookie = nil
		}
	}
	if m := hidden.FindStringSubmatch(string(body)); m != nil {
		v.csrf = m[1]
	}
	return answer, string(body)
}

func (v *visitor) get(path string) (int, string) {
	v.t.Helper()
	answer, body := v.does(http.MethodGet, path, nil, nil)
	return answer.StatusCode, body
}

func (v *visitor) post(path string, form url.Values) (int, string) {
	v.t.Helper()
	answer, body := v.does(http.MethodPost, path, form, nil)
	return answer.StatusCode, body
}

// visit returns a visitor who has logged in, if the host wants a token.
func (h *host) visit() *visitor {
	h.t.Helper()
	v := &visitor{t: h.t, page: status.New(h.options)}
	if h.options.TokenFile != "" {
		if code, body := v.post("/status/login", url.Values{"token": {token}}); code != http.StatusSeeOther {
			h.t.Fatal(code, body)
		}
	}
	if code, body := v.get("/status/"); code != http.StatusOK {
		h.t.Fatal(code, body)
	}
	return v
}

func (h *host) addrs(addresses ...string) (all []mail.Addr) {
	h.t.Helper()
	for _, a := range addresses {
		all = append(all, h.addr(a))
	}
	return all
}
