package lab_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealmilter/internal/lab"
)

// browser is a client that finds every host at one address.
func browser(t *testing.T, pool *x509.CertPool, addr string) *http.Client {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr)
		},
		TLSClientConfig: &tls.Config{RootCAs: pool},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func newAuthority(t *testing.T) *lab.Authority {
	t.Helper()
	authority, err := lab.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	return authority
}

func startWeb(t *testing.T, authority *lab.Authority) *lab.Web {
	t.Helper()
	web, err := lab.StartWeb(authority, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { web.Close() })
	return web
}

func get(t *testing.T, client *http.Client, url string) (*http.Response, string) {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestWebBehaves(t *testing.T) {
	authority := newAuthority(t)
	web := startWeb(t, authority)
	client := browser(t, authority.Pool(), web.Addr)
	page := web.URL("a.lab.test", "/x?y=%41")

	if resp, _ := get(t, client, page); resp.StatusCode != 404 {
		t.Errorf("an unknown path gave %s", resp.Status)
	}
	web.Set("a.lab.test", "/x", lab.Found([]byte("key")))
	if resp, body := get(t, client, page); resp.StatusCode != 200 || body != "key" {
		t.Errorf("%s, %q", resp.Status, body)
	}
	web.Set("a.lab.test", "/x", lab.Busy(429, "120"))
	if resp, _ := get(t, client, page); resp.StatusCode != 429 || resp.Header.Get("Retry-After") != "120" {
		t.Errorf("%s, %v", resp.Status, resp.Header)
	}
	web.Set("a.lab.test", "/x", lab.Redirect("https://b.lab.test/"))
	if resp, _ := get(t, client, page); resp.StatusCode != 302 || resp.Header.Get("Location") != "https://b.lab.test/" {
		t.Errorf("%s, %v", resp.Status, resp.Header)
	}
	web.Set("a.lab.test", "/x", lab.Oversized(300<<10))
	if resp, body := get(t, client, page); len(body) != 300<<10 || resp.ContentLength >= 0 {
		t.Errorf("%d octets, %d announced", len(body), resp.ContentLength)
	}
	web.Reset()
	web.Set("a.lab.test", "", lab.Status(503))
	if resp, _ := get(t, client, page); resp.StatusCode != 503 {
		t.Errorf("%s", resp.Status)
	}
	requests, err := web.Wait(t.Context(), 6)
	if err != nil || len(requests) != 6 || requests[0].Host != "a.lab.test" || requests[0].Target != "/x?y=%41" {
		t.Errorf("requests: %+v, %v", requests, err)
	}
}

// The ways of an answer that never ends: the client is kept until it gives up or the server closes.
func TestWebKeepsTheClient(t *testing.T) {
	for name, behaviour := range map[string]lab.Behaviour{"hang": lab.Hang(), "drip": lab.Drip()} {
		t.Run(name, func(t *testing.T) {
			authority := newAuthority(t)
			web := startWeb(t, authority)
			web.Set("a.lab.test", "", behaviour)
			client := browser(t, authority.Pool(), web.Addr)
			ended := make(chan error, 1)
			go func() {
				resp, err := client.Get(web.URL("a.lab.test", "/"))
				if err == nil {
					_, err = io.ReadAll(resp.Body)
					resp.Body.Close()
				}
				ended <- err
			}()
			if _, err := web.Wait(bounded(t), 1); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-ended:
				t.Errorf("the answer ended: %v", err)
			default:
			}
			if err := web.Close(); err != nil {
				t.Error(err)
			}
			if err := <-ended; err == nil {
				t.Error("the closed server completed its answer")
			}
		})
	}
}

func TestAuthority(t *testing.T) {
	authority := newAuthority(t)
	web := startWeb(t, authority)
	expired, err := authority.IssueExpired("expired.lab.test")
	if err != nil {
		t.Fatal(err)
	}
	other, err := authority.Issue("other.lab.test")
	if err != nil {
		t.Fatal(err)
	}
	web.SetCertificate("expired.lab.test", expired)
	web.SetCertificate("a.lab.test", other)

	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := authority.WritePEM(file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(text) {
		t.Fatalf("%s: %v", text, err)
	}
	client := browser(t, pool, web.Addr)
	get(t, client, web.URL("good.lab.test", "/"))
	if _, err := client.Get(web.URL("a.lab.test", "/")); !errors.As(err, new(x509.HostnameError)) {
		t.Errorf("another's certificate: %v", err)
	}
	if _, err := client.Get(web.URL("expired.lab.test", "/")); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("an expired certificate: %v", err)
	}
	stranger := browser(t, newAuthority(t).Pool(), web.Addr)
	if _, err := stranger.Get(web.URL("good.lab.test", "/")); !errors.As(err, new(x509.UnknownAuthorityError)) {
		t.Errorf("an unknown authority: %v", err)
	}
}

// The hash is that of draft-koch-openpgp-webkey-service, section 3.1.
func TestWKDServer(t *testing.T) {
	authority := newAuthority(t)
	server, err := lab.StartWKD(authority)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client := browser(t, authority.Pool(), server.Addr)
	server.AddDomain("example.org", lab.Advanced)
	server.AddDomain("example.net", lab.Direct)
	server.Publish("example.org", "Joe.Doe", []byte("org"))
	server.Publish("example.net", "joe.doe", []byte("net"))

	const hash = "iy9q119eutrkn8s1mk4r39qejnbu3n5q"
	for url, want := range map[string]string{
		server.URL("openpgpkey.example.org", "/.well-known/openpgpkey/example.org/hu/"+hash+"?l=Joe.Doe"): "org",
		server.URL("openpgpkey.example.org", "/.well-known/openpgpkey/example.org/policy"):                "",
		server.URL("example.net", "/.well-known/openpgpkey/hu/"+hash):                                     "net",
		server.URL("example.net", "/.well-known/openpgpkey/policy"):                                       "",
	} {
		if resp, body := get(t, client, url); resp.StatusCode != 200 || body != want {
			t.Errorf("%s: %s, %q", url, resp.Status, body)
		}
	}
	if hosts := server.Hosts(); strings.Join(hosts, " ") != "example.net openpgpkey.example.org" {
		t.Errorf("hosts: %q", hosts)
	}
	server.Publish("example.org", "joe.doe", nil)
	if resp, _ := get(t, client, server.URL(server.Host("example.org"), server.KeyPath("example.org", "joe.doe"))); resp.StatusCode != 404 {
		t.Errorf("what was taken away: %s", resp.Status)
	}
}

func TestKeyserver(t *testing.T) {
	authority := newAuthority(t)
	server, err := lab.StartKeyserver(authority, "keys.lab.test")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client := browser(t, authority.Pool(), server.Addr)
	server.Add("AB12", []byte("one\n"), "a@lab.test")
	server.Add("CD34", []byte("two\n"), "a@lab.test")
	for path, want := range map[string]string{
		"/vks/v1/by-email/a%40lab.test":              "one\n",
		"/vks/v1/by-fingerprint/CD34":                "two\n",
		"/pks/lookup?op=get&search=0xcd34":           "two\n",
		"/pks/lookup?op=get&search=A%40lab.test":     "one\ntwo\n",
		"/pks/lookup?op=get&search=b%40lab.test":     "Not Found\n",
		"/vks/v1/by-fingerprint/0xCD34":              "Not Found\n",
		"/pks/lookup?op=index&search=a%40lab.test":   "Not Implemented\n",
		"/vks/v1/by-email/b%40lab.test?a%40lab.test": "Not Found\n",
	} {
		if _, body := get(t, client, server.BaseURL()+path); body != want {
			t.Errorf("%s: %q, want %q", path, body, want)
		}
	}
}
