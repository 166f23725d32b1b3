package keys_test

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/lab"
)

func TestFetchChecksCertificates(t *testing.T) {
	n := newInternet(t)
	stranger, err := lab.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	web := startWeb(t, n.authority)
	f := n.fetcher(t)
	issue := func(by *lab.Authority, names ...string) func() {
		return func() {
			c, err := by.Issue(names...)
			if err != nil {
				t.Fatal(err)
			}
			web.SetCertificate("a.example", c)
		}
	}
	n.set("a.example", "127.0.0.1")
	for _, tc := range []struct {
		name    string
		arrange func()
		verdict string
		why     string
	}{
		{"good", issue(n.authority, "a.example"), "found", ""},
		{"another name", issue(n.authority, "b.example"), "no service", "certificate for another name"},
		{"parent name", issue(n.authority, "example"), "no service", "certificate for another name"},
		{"unknown authority", issue(stranger, "a.example"), "unknown", "cannot be trusted"},
		{"unknown authority and another name", issue(stranger, "b.example"), "unknown", "cannot be trusted"},
		{"unknown authority and a name to forge the log with", issue(stranger, "b.example\nMay 1 12:00:00 mail: all is well"),
			"unknown", "has a certificate"},
		{"expired", func() {
			c, err := n.authority.IssueExpired("a.example")
			if err != nil {
				t.Fatal(err)
			}
			web.SetCertificate("a.example", c)
		}, "unknown", "expired"},
		{"expired and another name", func() {
			c, err := n.authority.IssueExpired("b.example")
			if err != nil {
				t.Fatal(err)
			}
			web.SetCertificate("a.example", c)
		}, "unknown", "expired"},
		{"the client's clock is wrong", func() {
			issue(n.authority, "a.example")()
			n.clock.advance(-50 * 365 * 24 * time.Hour)
		}, "unknown", "not yet valid"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.arrange()
			web.Set("a.example", "", lab.Found(nil))
			_, err := f.Get(t.Context(), web.URL("a.example", "/"))
			if v := meaning(err); v != tc.verdict || err != nil && !strings.Contains(err.Error(), tc.why) {
				t.Errorf("%s: %v", v, err)
			}
			if err != nil && (strings.Contains(err.Error(), "\n") || len(err.Error()) > 1000) {
				t.Errorf("not fit to print: %q", err)
			}
			f.CloseIdleConnections()
		})
	}
}

// The versions of TLS before 1.2 must not be used (RFC 8996).
func TestFetchRefusesOldTLS(t *testing.T) {
	n := newInternet(t)
	n.set("a.example", "127.0.0.1")
	certificate, err := n.authority.Issue("a.example")
	if err != nil {
		t.Fatal(err)
	}
	old, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{*certificate},
		MinVersion:   tls.VersionTLS10,
		MaxVersion:   tls.VersionTLS11,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.NotFoundHandler(), ErrorLog: log.New(io.Discard, "", 0)}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(old) }()
	t.Cleanup(func() {
		server.Close()
		<-ended
	})
	_, err = n.fetcher(t).Get(t.Context(), "https://a.example:"+portString(t, old.Addr())+"/")
	if meaning(err) != "unknown" || !strings.Contains(err.Error(), "protocol version") {
		t.Error(err)
	}
}
