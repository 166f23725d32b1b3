package keys_test

import (
	"bytes"
	"context"
	"net/url"
	"strings"
	"testing"

	"sealmilter/crypto"
	"sealmilter/internal/lab"
	"sealmilter/keys"
)

// remotes returns every remote source, each with its servers on one port of loopback.
func remotes(t testing.TB, n *internet, f *keys.Fetcher, port string) []keys.Source {
	t.Helper()
	n.set("keys.example", "127.0.0.1")
	vks, err := keys.NewVKS(f, "https://keys.example:"+port)
	if err != nil {
		t.Fatal(err)
	}
	hkp, err := keys.NewHKP(f, "hkps://keys.example:"+port+"/")
	if err != nil {
		t.Fatal(err)
	}
	return []keys.Source{&keys.WKD{Fetcher: f, Port: portNumber(t, port)}, vks, hkp}
}

// TestRemoteSources shows each source every way in which a server can answer.
func TestRemoteSources(t *testing.T) {
	alice := generate(t, "alice@example.org", 0, 0)
	one, two := alice.Cert(), generate(t, "alice@example.org", 0, 0).Cert()
	const chosen = "unknown" // a server that the administrator has chosen owes an answer
	for _, tc := range []struct {
		name    string
		answer  lab.Behaviour
		wkd     string // what the answer means for a WKD
		server  string // and for a key server
		certs   []*crypto.Cert
		why     string
		timeout bool
	}{
		{"binary", lab.Found(one.Bytes()), "found", "found", []*crypto.Cert{one}, "", false},
		{"armored", lab.Found(armored(t, one)), "found", "found", []*crypto.Cert{one}, "", false},
		{"several", lab.Found(append(one.Bytes(), two.Bytes()...)), "found", "found", []*crypto.Cert{one, two}, "", false},
		{"several armored", lab.Found(append(armored(t, one), armored(t, two)...)), "found", "found", []*crypto.Cert{one, two}, "", false},
		{"as many as may be", lab.Found(bytes.Repeat(one.Bytes(), 20)), "found", "found", nil, "", false},
		{"too many", lab.Found(bytes.Repeat(one.Bytes(), 21)), "unknown", "unknown", nil, "more than 20 keys", false},
		{"secret and public", lab.Found(append(armored(t, alice), armored(t, two)...)), "found", "found", []*crypto.Cert{two}, "", false},
		{"secret", lab.Found(armored(t, alice)), "unknown", "unknown", nil, "secret key", false},
		{"unreadable and readable", lab.Found(append([]byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n!\n-----END PGP PUBLIC KEY BLOCK-----\n"),
			armored(t, two)...)), "found", "found", []*crypto.Cert{two}, "", false},
		{"unreadable", lab.Found(one.Bytes()[:100]), "unknown", "unknown", nil, "of no use", false},
		{"empty", lab.Found(nil), "unknown", "unknown", nil, "of no use", false},
		{"web page", lab.Garbage(), "unknown", "unknown", nil, "of no use", false},
		{"no results in words", lab.Found([]byte("No results found\n")), "unknown", "unknown", nil, "of no use", false},
		{"too large", lab.Oversized(300 << 10), "unknown", "unknown", nil, "more than 256 KiB", false},
		{"404", lab.Status(404), "none", "none", nil, "404", false},
		{"403", lab.Status(403), "no service", chosen, nil, "403", false},
		{"410", lab.Status(410), "no service", chosen, nil, "410", false},
		{"408", lab.Status(408), "unknown", "unknown", nil, "408", false},
		{"500", lab.Status(500), "unknown", "unknown", nil, "500", false},
		{"502", lab.Status(502), "unknown", "unknown", nil, "502", false},
		{"503", lab.Status(503), "unknown", "unknown", nil, "503", false},
		{"204", lab.Behaviour{Status: 204}, "unknown", "unknown", nil, "204", false},
		{"429", lab.Busy(429, "1"), "unknown", "unknown", nil, "not asked again until", false},
		{"redirect in a circle", lab.Redirect("/"), "unknown", "unknown", nil, "redirects more than 3 times", false},
		{"redirect to clear text", lab.Redirect("http://a.example/"), "unknown", "unknown", nil, "only https", false},
		{"redirect to a private address", lab.Redirect("https://10.0.0.1/"), "unknown", "unknown", nil, "public Internet", false},
		{"silence", lab.Hang(), "unknown", "unknown", nil, "in time", true},
		{"drip", lab.Drip(), "unknown", "unknown", nil, "in time", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := newInternet(t)
			n.set("openpgpkey.example.org", "127.0.0.1")
			web := startWeb(t, n.authority)
			for i, source := range remotes(t, n, n.fetcher(t), web.Port()) {
				ctx, want := t.Context(), tc.server
				if i == 0 {
					want = tc.wkd
				}
				if tc.timeout {
					ctx = shortly(t)
				}
				for _, host := range []string{"openpgpkey.example.org", "keys.example"} {
					web.Set(host, "", tc.answer)
				}
				n.clock.advance(keys.MaxPause)
				certs, err := source.Lookup(ctx, addr(t, "alice@example.org"))
				if v := meaning(err); v != want || err != nil && !strings.Contains(err.Error(), tc.why) {
					t.Errorf("%s: %s: %v", source.Name(), v, err)
				}
				if tc.certs != nil && fingerprints(certs) != fingerprints(tc.certs) {
					t.Errorf("%s: %s", source.Name(), fingerprints(certs))
				}
				if err != nil && len(certs) > 0 {
					t.Errorf("%s: %d certificates with an error", source.Name(), len(certs))
				}
			}
		})
	}
}

// TestRemoteSourcesConnect shows each source every way in which there is no server to talk to.
func TestRemoteSourcesConnect(t *testing.T) {
	hosts := []string{"openpgpkey.example.org", "keys.example"}
	for _, tc := range []struct {
		name    string
		arrange func(t *testing.T, n *internet, web *lab.Web, host string)
		wkd     string
		why     string
	}{
		{"not resolved", func(_ *testing.T, n *internet, _ *lab.Web, host string) { n.fail(host) }, "unknown", "could not be resolved"},
		{"refused", func(_ *testing.T, n *internet, _ *lab.Web, host string) { n.set(host, "127.0.0.2") }, "no service", "refuses the connection"},
		{"private", func(_ *testing.T, n *internet, _ *lab.Web, host string) { n.set(host, "192.168.1.1") }, "no service", "public Internet"},
		{"no address", func(_ *testing.T, n *internet, _ *lab.Web, host string) { n.set(host) }, "no service", "does not exist"},
		{"another name", func(t *testing.T, n *internet, web *lab.Web, host string) {
			c, err := n.authority.Issue("b.example")
			if err != nil {
				t.Fatal(err)
			}
			web.SetCertificate(host, c)
		}, "no service", "another name"},
		{"expired", func(t *testing.T, n *internet, web *lab.Web, host string) {
			c, err := n.authority.IssueExpired(host)
			if err != nil {
				t.Fatal(err)
			}
			web.SetCertificate(host, c)
		}, "unknown", "expired"},
		{"unknown authority", func(t *testing.T, n *internet, web *lab.Web, host string) {
			stranger, err := lab.NewAuthority()
			if err != nil {
				t.Fatal(err)
			}
			c, err := stranger.Issue(host)
			if err != nil {
				t.Fatal(err)
			}
			web.SetCertificate(host, c)
		}, "unknown", "unknown authority"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n := newInternet(t)
			n.set("openpgpkey.example.org", "127.0.0.1")
			web := startWeb(t, n.authority)
			sources := remotes(t, n, n.fetcher(t), web.Port())
			for _, host := range hosts {
				tc.arrange(t, n, web, host)
			}
			for i, source := range sources {
				want := "unknown"
				if i == 0 {
					want = tc.wkd
				}
				_, err := source.Lookup(t.Context(), addr(t, "alice@example.org"))
				if v := meaning(err); v != want || !strings.Contains(err.Error(), tc.why) {
					t.Errorf("%s: %s: %v", source.Name(), v, err)
				}
			}
			if asked := web.Requests(); len(asked) > 0 {
				t.Errorf("requests: %+v", asked)
			}
		})
	}
}

// lab's key server answers by the interface itself, so what is asked for is asked rightly.
func TestKeyservers(t *testing.T) {
	n := newInternet(t)
	server, err := lab.StartKeyserver(n.authority, "keys.example")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	alice, bob := generate(t, "alice@example.org", 0, 0).Cert(), generate(t, "bob@example.org", 0, 0).Cert()
	server.Add(alice.Fingerprint(), armored(t, alice), "alice@example.org", `"a @ b/?&+%"@example.org`)
	server.Add(bob.Fingerprint(), armored(t, bob), "alice@example.org")
	sources := remotes(t, n, n.fetcher(t), server.Port())
	for _, tc := range []struct {
		source, address string
		certs           []*crypto.Cert
		target          string
	}{
		{"vks", "Alice@Example.ORG", []*crypto.Cert{alice}, "/vks/v1/by-email/alice%40example.org"},
		{"vks", `"A @ b/?&+%"@example.org`, []*crypto.Cert{alice}, "/vks/v1/by-email/%22a%20%40%20b%2F%3F%26%2B%25%22%40example.org"},
		{"vks", "nobody@example.org", nil, "/vks/v1/by-email/nobody%40example.org"},
		{"vks", "büro@bücher.example", nil, "/vks/v1/by-email/b%C3%BCro%40xn--bcher-kva.example"},
		{"hkp", "Alice@Example.ORG", []*crypto.Cert{alice, bob}, "/pks/lookup?op=get&options=mr&exact=on&search=alice%40example.org"},
		{"hkp", `"a @ b/?&+%"@example.org`, []*crypto.Cert{alice},
			"/pks/lookup?op=get&options=mr&exact=on&search=%22a%20%40%20b%2F%3F%26%2B%25%22%40example.org"},
		{"hkp", "nobody@example.org", nil, "/pks/lookup?op=get&options=mr&exact=on&search=nobody%40example.org"},
	} {
		for _, source := range sources {
			if source.Name() != tc.source {
				continue
			}
			certs, err := source.Lookup(t.Context(), addr(t, tc.address))
			if (tc.certs == nil) != (meaning(err) == "none") || fingerprints(certs) != fingerprints(tc.certs) {
				t.Errorf("%s: %s: %s, %v", tc.source, tc.address, fingerprints(certs), err)
			}
			last := server.Requests()[len(server.Requests())-1]
			if last.Target != tc.target || len(last.Header) != 1 {
				t.Errorf("%s: %s: asked for %s with %v", tc.source, tc.address, last.Target, last.Header)
			}
		}
	}
}

func TestLookupFingerprint(t *testing.T) {
	n := newInternet(t)
	server, err := lab.StartKeyserver(n.authority, "keys.example")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	alice, bob := generate(t, "alice@example.org", 0, 0).Cert(), generate(t, "bob@example.org", 0, 0).Cert()
	fpr := alice.Fingerprint()
	primary := withoutUserIDs(t, alice)
	targets := map[string]string{"vks": "/vks/v1/by-fingerprint/" + fpr, "hkp": "/pks/lookup?op=get&options=mr&search=0x" + fpr}
	for _, source := range remotes(t, n, n.fetcher(t), server.Port()) {
		asker, ok := source.(keys.FingerprintSource)
		if !ok {
			continue
		}
		for _, tc := range []struct {
			name    string
			answer  lab.Behaviour
			verdict string
		}{
			{"found", lab.Found(armored(t, alice)), "found"},
			{"without User IDs", lab.Found(primary), "found"},
			{"among others", lab.Found(append(bob.Bytes(), alice.Bytes()...)), "found"},
			{"another", lab.Found(armored(t, bob)), "unknown"},
			{"garbage", lab.Garbage(), "unknown"},
			{"none", lab.Status(404), "none"},
			{"fails", lab.Status(500), "unknown"},
			{"forbidden", lab.Status(403), "unknown"},
		} {
			server.Set("keys.example", "", tc.answer)
			ring, err := asker.LookupFingerprint(t.Context(), fpr)
			if meaning(err) != tc.verdict || err == nil && !bytes.Equal(ring, tc.answer.Body) {
				t.Errorf("%s, %s: %d octets, %v", source.Name(), tc.name, len(ring), err)
			}
			requests := server.Requests()
			if last := requests[len(requests)-1]; last.Target != targets[source.Name()] {
				t.Errorf("%s asked for %s", source.Name(), last.Target)
			}
		}
		before := len(server.Requests())
		for _, bad := range []string{"", "0x" + fpr, strings.ToLower(fpr), fpr[:16], fpr + "&op=index"} {
			if _, err := asker.LookupFingerprint(t.Context(), bad); meaning(err) != "unknown" {
				t.Errorf("%s: %q: %v", source.Name(), bad, err)
			}
		}
		if after := len(server.Requests()); after != before {
			t.Errorf("%s asked for what is no fingerprint", source.Name())
		}
	}
}

// withoutUserIDs returns the primary key of a certificate, as it is kept by servers whom nobody has verified a User ID.
func withoutUserIDs(t *testing.T, cert *crypto.Cert) []byte {
	t.Helper()
	b := cert.Bytes()
	if b[0] != 0xc0|6 || b[1] >= 192 {
		t.Fatalf("the certificate begins with %x", b[:2])
	}
	return b[:2+int(b[1])]
}

// An address that a mail program can write is one that a URL can carry.
func FuzzEscapeQuery(f *testing.F) {
	f.Add("Joe Doe+tag&x=%41\x00\xff")
	f.Fuzz(func(t *testing.T, s string) {
		u, err := url.Parse("https://a.example/" + keys.EscapeQuery(s) + "?l=" + keys.EscapeQuery(s))
		if err != nil || u.Query().Get("l") != s || u.Path != "/"+s {
			t.Errorf("%q became %v, %v", s, u, err)
		}
	})
}

func FuzzServerURL(f *testing.F) {
	for _, s := range []string{"https://keys.openpgp.org", "hkps://a:1/b/", "HTTPS://[::1]:1", "https:x", "https://u@a", "https://a//?"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		server, err := keys.ParseServer(s, "hkps")
		if err != nil {
			return
		}
		u, err := url.Parse(server + "/vks/v1/by-email/a%40b?x=y")
		if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "x=y" || strings.HasSuffix(server, "/") {
			t.Errorf("%q became %q: %+v, %v", s, server, u, err)
		}
	})
}

// Whatever a server sends, a source answers and does not panic.
func FuzzAnswer(f *testing.F) {
	n := newInternet(f)
	n.set("openpgpkey.example.org", "127.0.0.1")
	web := startWeb(f, n.authority)
	wkd := &keys.WKD{Fetcher: n.fetcher(f), Port: portNumber(f, web.Port())}
	alice := addr(f, "alice@example.org")
	f.Add(200, "", []byte("<html>"))
	f.Add(302, "https://[::1]/", []byte{})
	f.Add(429, "120", testdata(f, "rita.asc"))
	f.Add(200, "gzip", testdata(f, "rita.asc"))
	f.Fuzz(func(t *testing.T, status int, field string, body []byte) {
		if status < 200 || status > 999 || strings.ContainsFunc(field, func(r rune) bool { return r < ' ' || r > '~' }) {
			return
		}
		n.clock.advance(keys.MaxPause)
		web.Set("openpgpkey.example.org", "", lab.Behaviour{
			Status: status,
			Header: map[string]string{"Location": field, "Retry-After": field, "Content-Encoding": field},
			Body:   body,
		})
		certs, err := wkd.Lookup(context.WithoutCancel(t.Context()), alice)
		if (err == nil) != (len(certs) > 0) || err == nil && status != 200 {
			t.Errorf("%d certificates, %v", len(certs), err)
		}
	})
}
