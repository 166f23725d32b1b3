package keys_test

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"sealmilter/internal/lab"
	"sealmilter/keys"
)

func startWeb(t testing.TB, authority *lab.Authority) *lab.Web {
	t.Helper()
	web, err := lab.StartWeb(authority, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { web.Close() })
	return web
}

// shortly is a context for questions that are never answered.
func shortly(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func TestFetch(t *testing.T) {
	t.Run("HTTP/2.0", func(t *testing.T) { testFetch(t, "HTTP/2.0") })
	t.Run("HTTP/1.1", func(t *testing.T) { testFetch(t, "HTTP/1.1") })
}

func testFetch(t *testing.T, protocol string) {
	n := newInternet(t)
	n.set("a.example", "127.0.0.1")
	web := startWeb(t, n.authority)
	if protocol == "HTTP/1.1" {
		web.SetHTTP1("a.example")
	}
	f := n.fetcher(t)
	const limit = 256 << 10
	for _, tc := range []struct {
		name    string
		answer  lab.Behaviour
		verdict string
		why     string
	}{
		{"found", lab.Found([]byte("x")), "found", ""},
		{"empty", lab.Found(nil), "found", ""},
		{"as large as may be", lab.Oversized(limit), "found", ""},
		{"too large", lab.Oversized(limit + 1), "unknown", "sends more than 256 KiB"},
		{"too large, and says so", lab.Behaviour{Header: map[string]string{"Content-Length": "262145"}, Body: make([]byte, limit+1)},
			"unknown", "sends more than 256 KiB"},
		{"less than announced", lab.Behaviour{Header: map[string]string{"Content-Length": "70000"}, Body: make([]byte, 65536)},
			"unknown", "did not complete its answer"},
		{"large header", lab.Behaviour{Header: map[string]string{"X": strings.Repeat("x", 64<<10)}}, "unknown", "cannot be asked"},
		{"compressed", lab.Behaviour{Header: map[string]string{"Content-Encoding": "gzip"}, Body: []byte("x")}, "unknown", `encoded as "gzip"`},

		{"204", lab.Behaviour{Status: 204}, "unknown", "answers 204 No Content"},
		{"206", lab.Status(206), "unknown", "answers 206"},
		{"300", lab.Status(300), "unknown", "answers 300"},
		{"304", lab.Behaviour{Status: 304}, "unknown", "answers 304"},
		{"400", lab.Status(400), "no service", "answers 400 Bad Request"},
		{"401", lab.Status(401), "no service", "answers 401"},
		{"403", lab.Status(403), "no service", "answers 403"},
		{"404", lab.Status(404), "none", "answers 404 Not Found"},
		{"408", lab.Status(408), "unknown", "answers 408"},
		{"410", lab.Status(410), "no service", "answers 410"},
		{"421", lab.Status(421), "no service", "answers 421"},
		{"425", lab.Status(425), "unknown", "answers 425"},
		{"499", lab.Status(499), "no service", "answers 499"},
		{"500", lab.Status(500), "unknown", "answers 500"},
		{"502", lab.Status(502), "unknown", "answers 502"},
		{"503", lab.Status(503), "unknown", "answers 503"},
		{"504", lab.Status(504), "unknown", "answers 504"},
		{"600", lab.Status(600), "unknown", "answers 600"},

		{"redirect without a place", lab.Behaviour{Status: 302}, "unknown", "redirects to nowhere"},
		{"redirect to clear text", lab.Redirect("http://a.example/"), "unknown", "only https"},
		{"redirect to a file", lab.Redirect("file:///etc/passwd"), "unknown", "only https"},
		{"redirect with a password", lab.Redirect("https://u:p@a.example/"), "unknown", "only https"},
		{"redirect to a host that is not there", lab.Redirect("https://gone.example/"), "unknown", "redirects: gone.example does not exist"},
		{"redirect to a long name", lab.Redirect("https://" + strings.Repeat("a", 9000) + ".example/"), "unknown", "redirects: aaa"},
		{"redirect to itself", lab.Redirect("/x"), "unknown", "redirects more than 3 times"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			web.Set("a.example", "/x", tc.answer)
			body, err := f.Get(t.Context(), web.URL("a.example", "/x"))
			if v := meaning(err); v != tc.verdict || err != nil && !strings.Contains(err.Error(), tc.why) {
				t.Errorf("%s: %v", v, err)
			}
			if err != nil && len(err.Error()) > 400 {
				t.Errorf("%d octets for people to read", len(err.Error()))
			}
			if err == nil && len(body) != len(tc.answer.Body) {
				t.Errorf("%d octets, want %d", len(body), len(tc.answer.Body))
			}
			for _, r := range web.Requests() {
				if r.Proto != protocol || !maps.EqualFunc(r.Header, http.Header{"User-Agent": {"sealmilter"}}, slices.Equal) {
					t.Errorf("%s with %v", r.Proto, r.Header)
				}
			}
			var failure *keys.FetchError
			if err != nil && (!errors.As(err, &failure) || failure.Host != "a.example:"+web.Port()) {
				t.Errorf("a %T about %q", err, failure.Host)
			}
		})
	}
}

func TestFetchFollowsRedirects(t *testing.T) {
	n := newInternet(t)
	n.set("a.example", "127.0.0.1")
	n.set("b.example", "127.0.0.1")
	web := startWeb(t, n.authority)
	f := n.fetcher(t)
	cookie := lab.Redirect(web.URL("b.example", "/1?q=%41"))
	cookie.Header["Set-Cookie"] = "a=b; Secure"
	web.Set("a.example", "/", cookie)
	web.Set("b.example", "/1", lab.Redirect("2"))
	web.Set("b.example", "/2", lab.Redirect(web.URL("a.example", "/3")))
	web.Set("a.example", "/3", lab.Found([]byte("x")))
	if keys.UsesProxy(f) {
		t.Error("a proxy sees the requests")
	}
	if body, err := f.Get(t.Context(), web.URL("a.example", "/")); string(body) != "x" || err != nil {
		t.Fatalf("%q, %v", body, err)
	}
	want := []string{"a.example/", "b.example/1?q=%41", "b.example/2", "a.example/3"}
	var got []string
	for _, r := range web.Requests() {
		got = append(got, r.Host+r.Target)
		only := http.Header{"User-Agent": {"sealmilter"}}
		if r.Method != "GET" || !maps.EqualFunc(r.Header, only, slices.Equal) {
			t.Errorf("%s %s with %v", r.Method, r.Target, r.Header)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("asked %q, want %q", got, want)
	}

	// What the last one answers is the answer, but four redirects are too many.
	web.Set("a.example", "/3", lab.Status(404))
	if _, err := f.Get(t.Context(), web.URL("a.example", "/")); meaning(err) != "none" {
		t.Error(err)
	}
	web.Set("a.example", "/0", lab.Redirect("/"))
	if _, err := f.Get(t.Context(), web.URL("a.example", "/0")); meaning(err) != "unknown" || !strings.Contains(err.Error(), "more than 3") {
		t.Error(err)
	}
}

func TestFetchConnects(t *testing.T) {
	for _, tc := range []struct {
		name    string
		addrs   []string
		verdict string
		why     string
	}{
		{"good", []string{"127.0.0.1"}, "found", ""},
		{"mapped", []string{"::ffff:127.0.0.1"}, "found", ""},
		{"the second address", []string{"127.0.0.2", "127.0.0.1"}, "found", ""},
		{"private and good", []string{"10.0.0.1", "127.0.0.1"}, "found", ""},
		{"no address", []string{}, "no service", "does not exist"},
		{"refused", []string{"127.0.0.2"}, "no service", "refuses the connection"},
		{"refused twice", []string{"127.0.0.2", "127.0.0.3"}, "no service", "refuses the connection"},
		{"unreachable", []string{"127.9.9.9"}, "unknown", "no route to host"},
		{"refused and unreachable", []string{"127.0.0.2", "127.9.9.9"}, "unknown", "no route to host"},
		{"unreachable and refused", []string{"127.9.9.9", "127.0.0.2"}, "unknown", "no route to host"},
		{"no such network", []string{"127.6.6.6"}, "unknown", "network is unreachable"},
		{"no such network and refused", []string{"127.6.6.6", "127.0.0.2"}, "no service", "refuses the connection"},
		{"refused and no such network", []string{"127.0.0.2", "127.6.6.6"}, "no service", "refuses the connection"},
		{"no such network and unreachable", []string{"127.6.6.6", "127.9.9.9"}, "unknown", "no route to host"},
		{"private", []string{"10.0.0.1", "fd00::1"}, "no service", "not one of the public Internet: 10.0.0.1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := newInternet(t)
			n.set("a.example", tc.addrs...)
			web := startWeb(t, n.authority)
			web.Set("a.example", "", lab.Found(nil))
			f := keys.NewFetcher(keys.FetcherOptions{
				Hosts: n,
				Connect: func(ctx context.Context, network, address string) (net.Conn, error) {
					switch host, _, _ := net.SplitHostPort(address); host {
					case "127.9.9.9":
						return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.EHOSTUNREACH}
					case "127.6.6.6":
						return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ENETUNREACH}
					}
					return n.dial(ctx, network, address)
				},
				Allow:   onlyLoopback,
				RootCAs: n.authority.Pool(),
				Now:     n.clock.Now,
			})
			t.Cleanup(f.CloseIdleConnections)
			_, err := f.Get(t.Context(), web.URL("a.example", "/"))
			if v := meaning(err); v != tc.verdict || err != nil && !strings.Contains(err.Error(), tc.why) {
				t.Errorf("%s: %v", v, err)
			}
			for _, address := range n.connections() {
				if !strings.HasPrefix(address, "127.") {
					t.Errorf("connected to %s", address)
				}
			}
			// The machine's search list must not complete the name.
			slices.Sort(n.asked)
			if !slices.Equal(n.asked, []string{"ip4 a.example.", "ip6 a.example."}) {
				t.Errorf("resolved %q", n.asked)
			}
		})
	}
	t.Run("resolver fails", func(t *testing.T) {
		n := newInternet(t)
		n.fail("a.example")
		_, err := n.fetcher(t).Get(t.Context(), "https://a.example/")
		if meaning(err) != "unknown" || !strings.Contains(err.Error(), "a.example could not be resolved: server misbehaving") {
			t.Error(err)
		}
	})
}

// Nobody is connected to that is not on the public Internet, however the address is written.
func TestFetchAsksOnlyThePublic(t *testing.T) {
	n := newInternet(t)
	n.set("a.example", "127.0.0.1")
	n.set("inner.example", "10.0.0.1")
	web := startWeb(t, n.authority)
	f := n.fetcherWith(t, n.authority.Pool(), netip.MustParsePrefix("127.0.0.1/32"))
	for _, to := range []string{
		"inner.example", "10.0.0.1", "127.0.0.2", "169.254.169.254", "[::1]", "[::ffff:10.0.0.1]", "[64:ff9b::a00:1]", "[fe80::1%25lo]",
		"localhost", "0x7f000001", "2130706433", "127.1",
	} {
		web.Set("a.example", "/", lab.Redirect("https://"+to+":"+web.Port()+"/"))
		_, err := f.Get(t.Context(), web.URL("a.example", "/"))
		if meaning(err) != "unknown" || !strings.Contains(err.Error(), "redirects: ") {
			t.Errorf("%s: %v", to, err)
		}
		if _, err := f.Get(t.Context(), "https://"+to+"/"); meaning(err) != "no service" {
			t.Errorf("%s itself: %v", to, err)
		}
	}
	if all := n.connections(); len(all) != 1 {
		t.Errorf("connections to %q", all)
	}

	strict := n.fetcherWith(t, n.authority.Pool())
	if _, err := strict.Get(t.Context(), web.URL("a.example", "/")); meaning(err) != "no service" {
		t.Error(err)
	}
	if all := n.connections(); len(all) != 1 {
		t.Errorf("connections to %q", all)
	}
}

func TestFetchEndsInTime(t *testing.T) {
	n := newInternet(t)
	n.set("a.example", "127.0.0.1")
	web := startWeb(t, n.authority)
	f := n.fetcher(t)
	n.set("old.example", "127.0.0.1")
	web.SetHTTP1("old.example")
	for name, answer := range map[string]lab.Behaviour{"hang": lab.Hang(), "drip": lab.Drip()} {
		for _, host := range []string{"a.example", "old.example"} {
			web.Set(host, "/"+name, answer)
			_, err := f.Get(shortly(t), web.URL(host, "/"+name))
			if meaning(err) != "unknown" || !strings.Contains(err.Error(), "in time") || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s, %s: %v", host, name, err)
			}
		}
	}
	// A listener that accepts and never speaks TLS.
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	if _, err := f.Get(shortly(t), "https://a.example:"+portString(t, mute.Addr())+"/"); meaning(err) != "unknown" || !strings.Contains(err.Error(), "in time") {
		t.Errorf("mute: %v", err)
	}
	given, giveUp := context.WithCancel(t.Context())
	giveUp()
	if _, err := f.Get(given, web.URL("a.example", "/")); meaning(err) != "unknown" || !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}

func portString(t *testing.T, addr net.Addr) string {
	t.Helper()
	_, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
