package keys_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base32"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// The first vector is that of draft-koch-openpgp-webkey-service, section 3.1.
func TestWKDHash(t *testing.T) {
	for local, want := range map[string]string{
		"Joe.Doe": "iy9q119eutrkn8s1mk4r39qejnbu3n5q",
		"joe.doe": "iy9q119eutrkn8s1mk4r39qejnbu3n5q",
		"":        wkdOracle(""),
		"büro":    wkdOracle("büro"),
		"BÜRO":    wkdOracle("bÜro"), // only ASCII letters change
		"a b@c":   wkdOracle("a b@c"),
	} {
		if got := keys.WKDHash(local); got != want {
			t.Errorf("%q: %s, want %s", local, got, want)
		}
	}
}

// directories is a Web Key Directory of example.org (advanced) and example.net (direct), and the source that asks it.
type directories struct {
	*lab.WKDServer
	net *internet
	wkd *keys.WKD
}

func newDirectories(t testing.TB) *directories {
	t.Helper()
	n := newInternet(t)
	server, err := lab.StartWKD(n.authority)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	server.AddDomain("example.org", lab.Advanced)
	server.AddDomain("example.net", lab.Direct)
	for _, host := range server.Hosts() {
		n.set(host, "127.0.0.1")
	}
	return &directories{WKDServer: server, net: n, wkd: &keys.WKD{Fetcher: n.fetcher(t), Port: portNumber(t, server.Port())}}
}

func portNumber(t testing.TB, s string) uint16 {
	t.Helper()
	port, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	return uint16(port)
}

func TestWKDFinds(t *testing.T) {
	d := newDirectories(t)
	alice := generate(t, "alice@example.org", 0, 0).Cert()
	for _, tc := range []struct {
		name, address string
		domain, local string // where the key is
		target        string
	}{
		{"advanced", "Joe.Doe@Example.ORG", "example.org", "joe.doe",
			"openpgpkey.example.org/.well-known/openpgpkey/example.org/hu/iy9q119eutrkn8s1mk4r39qejnbu3n5q?l=Joe.Doe"},
		{"direct", "joe.doe@example.net", "example.net", "joe.doe",
			"example.net/.well-known/openpgpkey/hu/iy9q119eutrkn8s1mk4r39qejnbu3n5q?l=joe.doe"},
		{"signs", "a+b&c=d/e%f?g@example.org", "example.org", "a+b&c=d/e%f?g",
			"openpgpkey.example.org/.well-known/openpgpkey/example.org/hu/" + wkdOracle("a+b&c=d/e%f?g") + "?l=a%2Bb%26c%3Dd%2Fe%25f%3Fg"},
		{"quoted", `"Joe \"@\" Doe"@example.org`, "example.org", `joe "@" doe`,
			"openpgpkey.example.org/.well-known/openpgpkey/example.org/hu/" + wkdOracle(`joe "@" doe`) + "?l=Joe%20%22%40%22%20Doe"},
		{"quoted for nothing", `"joe.doe"@example.net`, "example.net", "joe.doe",
			"example.net/.well-known/openpgpkey/hu/iy9q119eutrkn8s1mk4r39qejnbu3n5q?l=joe.doe"},
		{"UTF-8", "BÜro@example.org", "example.org", "bÜro",
			"openpgpkey.example.org/.well-known/openpgpkey/example.org/hu/" + wkdOracle("bÜro") + "?l=B%C3%9Cro"},
		{"IDN", "joe.doe@Bücher.example", "xn--bcher-kva.example", "joe.doe",
			"openpgpkey.xn--bcher-kva.example/.well-known/openpgpkey/xn--bcher-kva.example/hu/iy9q119eutrkn8s1mk4r39qejnbu3n5q?l=joe.doe"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.name == "IDN" {
				d.AddDomain("xn--bcher-kva.example", lab.Advanced)
				d.net.set("openpgpkey.xn--bcher-kva.example", "127.0.0.1")
			}
			before := len(d.Requests())
			d.Publish(tc.domain, tc.local, alice.Bytes())
			certs, err := d.wkd.Lookup(t.Context(), addr(t, tc.address))
			if err != nil || fingerprints(certs) != alice.Fingerprint() {
				t.Errorf("%s, %v", fingerprints(certs), err)
			}
			requests := d.Requests()[before:]
			if len(requests) != 1 || requests[0].Host+requests[0].Target != tc.target || len(requests[0].Header) != 1 {
				t.Errorf("requests %+v, want %s", requests, tc.target)
			}
			d.Publish(tc.domain, tc.local, nil)
			if _, err := d.wkd.Lookup(t.Context(), addr(t, tc.address)); meaning(err) != "none" {
				t.Errorf("when it is gone: %v", err)
			}
		})
	}
}

// wkdOracle is the hash by the standard library's Base32 with another alphabet.
func wkdOracle(lower string) string {
	digest := sha1.Sum([]byte(lower))
	return base32.NewEncoding("ybndrfg8ejkmcpqxot1uwisza345h769").EncodeToString(digest[:])
}

// The direct method is for domains without the host of the advanced one, and for nothing else.
func TestWKDAsksOneHost(t *testing.T) {
	const advanced, direct = "openpgpkey.example.com", "example.com"
	alice := generate(t, "alice@example.com", 0, 0).Cert()
	for _, tc := range []struct {
		name    string
		arrange func(d *directories)
		verdict string
		asked   string // hosts
	}{
		{"no host at all", func(d *directories) {}, "no service", ""},
		{"only the direct host", func(d *directories) { d.net.set(direct, "127.0.0.1") }, "found", direct},
		{"advanced host has no address", func(d *directories) {
			d.net.set(advanced)
			d.net.set(direct, "127.0.0.1")
		}, "found", direct},
		{"both hosts", func(d *directories) {
			d.net.set(advanced, "127.0.0.1")
			d.net.set(direct, "127.0.0.1")
		}, "none", advanced},
		{"advanced host cannot be resolved", func(d *directories) {
			d.net.fail(advanced)
			d.net.set(direct, "127.0.0.1")
		}, "unknown", ""},
		{"advanced host is not public", func(d *directories) {
			d.net.set(advanced, "10.0.0.1")
			d.net.set(direct, "127.0.0.1")
		}, "no service", ""},
		{"advanced host refuses", func(d *directories) {
			d.net.set(advanced, "127.0.0.2")
			d.net.set(direct, "127.0.0.1")
		}, "no service", ""},
		{"advanced host is somebody else's", func(d *directories) {
			d.net.set(advanced, "127.0.0.1")
			d.net.set(direct, "127.0.0.1")
			other, err := d.net.authority.Issue("other.example")
			if err != nil {
				panic(err)
			}
			d.SetCertificate(advanced, other)
		}, "no service", ""},
		{"advanced host is forbidden", func(d *directories) {
			d.net.set(advanced, "127.0.0.1")
			d.net.set(direct, "127.0.0.1")
			d.Set(advanced, "", lab.Status(403))
		}, "no service", advanced},
		{"advanced host fails", func(d *directories) {
			d.net.set(advanced, "127.0.0.1")
			d.net.set(direct, "127.0.0.1")
			d.Set(advanced, "", lab.Status(500))
		}, "unknown", advanced},
		{"advanced host redirects to nowhere", func(d *directories) {
			d.net.set(advanced, "127.0.0.1")
			d.net.set(direct, "127.0.0.1")
			d.Set(advanced, "", lab.Redirect("https://gone.example/"))
		}, "unknown", advanced},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := newDirectories(t)
			d.AddDomain("example.com", lab.Direct)
			d.Publish("example.com", "alice", alice.Bytes())
			tc.arrange(d)
			certs, err := d.wkd.Lookup(t.Context(), addr(t, "alice@example.com"))
			if v := meaning(err); v != tc.verdict || err == nil && fingerprints(certs) != alice.Fingerprint() {
				t.Errorf("%s: %v", v, err)
			}
			var asked []string
			for _, r := range d.Requests() {
				asked = append(asked, r.Host)
			}
			if got := strings.Join(asked, " "); got != tc.asked {
				t.Errorf("asked %q, want %q", got, tc.asked)
			}
			announced, err := d.wkd.Announces(t.Context(), "example.com")
			if announced != (tc.verdict == "found") || (err != nil) != (tc.verdict == "unknown") {
				t.Errorf("announces: %t, %v", announced, err)
			}
		})
	}
}

// Without a Port the usual one is asked.
func TestWKDPort(t *testing.T) {
	n := newInternet(t)
	n.set("openpgpkey.example.org", "127.0.0.2")
	var dialled []string
	wkd := &keys.WKD{Fetcher: keys.NewFetcher(keys.FetcherOptions{
		Hosts: n,
		Connect: func(_ context.Context, _, address string) (net.Conn, error) {
			dialled = append(dialled, address)
			return nil, net.ErrClosed
		},
		Allow: onlyLoopback,
	})}
	if _, err := wkd.Lookup(t.Context(), addr(t, "a@example.org")); meaning(err) != "unknown" || !slices.Equal(dialled, []string{"127.0.0.2:443"}) {
		t.Errorf("connected to %q: %v", dialled, err)
	}
}

func TestWKDAsksNobodyAboutThisHost(t *testing.T) {
	n := newInternet(t)
	for _, source := range remotes(t, n, n.fetcher(t), closedPort(t)) {
		for _, address := range []string{"root", "alice@[127.0.0.1]", "alice@[IPv6:2a00::1]"} {
			if _, err := source.Lookup(t.Context(), addr(t, address)); meaning(err) != "none" {
				t.Errorf("%s about %s: %v", source.Name(), address, err)
			}
		}
		if _, err := source.Lookup(t.Context(), mail.Addr{}); meaning(err) != "none" {
			t.Errorf("%s about nobody: %v", source.Name(), err)
		}
	}
	for _, domain := range []string{"", "[127.0.0.1]"} {
		if announced, err := (&keys.WKD{Fetcher: n.fetcher(t)}).Announces(t.Context(), domain); announced || err != nil {
			t.Errorf("%q announces: %t, %v", domain, announced, err)
		}
	}
	if len(n.asked)+len(n.dialled) > 0 {
		t.Errorf("resolved %q, connected to %q", n.asked, n.dialled)
	}
}

func TestWKDAnnounces(t *testing.T) {
	d := newDirectories(t)
	for _, tc := range []struct {
		name    string
		answer  lab.Behaviour
		want    bool
		unknown bool
	}{
		{"empty", lab.Found(nil), true, false},
		{"keywords", lab.Found([]byte("# our policy\r\nmailbox-only\nprotocol-version: 5\n\nsubmission-address: keys@example.org")), true, false},
		{"web page", lab.Garbage(), false, false},
		{"text", lab.Found([]byte("Nothing to see here.\n")), false, false},
		{"binary", lab.Found([]byte{0x99, 0x01, 0xff}), false, false},
		{"404", lab.Status(http.StatusNotFound), false, false},
		{"403", lab.Status(http.StatusForbidden), false, false},
		{"500", lab.Status(http.StatusInternalServerError), false, true},
		{"too large", lab.Oversized(300 << 10), false, true},
		{"429", lab.Busy(http.StatusTooManyRequests, "60"), false, true},
	} {
		for _, domain := range []string{"example.org", "example.net"} {
			d.Set(d.Host(domain), d.PolicyPath(domain), tc.answer)
			if got, err := d.wkd.Announces(t.Context(), domain); got != tc.want || (err != nil) != tc.unknown {
				t.Errorf("%s, %s: %t, %v", tc.name, domain, got, err)
			}
		}
	}
}

func TestIsPolicy(t *testing.T) {
	for text, want := range map[string]bool{
		"":                                 true,
		"\n\n":                             true,
		"#\n# <html>\n":                    true,
		"mailbox-only":                     true,
		"Mailbox-Only\r\n":                 true,
		"x_1.example-a :value with blanks": true,
		"a:":                               true,
		"<html>":                           false,
		"not found":                        false,
		" mailbox-only":                    false,
		"1a":                               false,
		"-a":                               false,
		": a":                              false,
		"a\nb c\n":                         false,
		"a\x00":                            false,
		"ä":                                false,
		"a: \xff":                          false,
		"a[b]":                             false,
	} {
		if got := keys.IsPolicy([]byte(text)); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

func FuzzPolicy(f *testing.F) {
	for _, s := range []string{"", "mailbox-only\n", "protocol-version: 5\r\n#\n", "<html>", "a: \xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !keys.IsPolicy(text) {
			return
		}
		if !keys.IsPolicy(append(text[:len(text):len(text)], "\nmailbox-only"...)) {
			t.Error("another keyword makes it none")
		}
		if bytes.HasPrefix(text, []byte("<")) || keys.IsPolicy(append([]byte("<html>\n"), text...)) {
			t.Error("a web page is taken for a policy")
		}
	})
}

func FuzzWKDHash(f *testing.F) {
	f.Add("Joe.Doe")
	f.Add("\xff\x00É")
	f.Fuzz(func(t *testing.T, local string) {
		lower := []byte(local)
		for i, c := range lower {
			if 'A' <= c && c <= 'Z' {
				lower[i] += 32
			}
		}
		if got := keys.WKDHash(local); got != wkdOracle(string(lower)) {
			t.Errorf("%q: %s", local, got)
		}
	})
}
