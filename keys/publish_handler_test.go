package keys_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"sealmilter/keys"
)

func TestWKDHandler(t *testing.T) {
	h := newHost(t)
	joe := generate(t, "Joe.Doe@example.org", 0, 0)
	importOne(t, h.senders, keys.ImportOptions{}, armored(t, joe))
	importOne(t, h.local, keys.ImportOptions{}, armored(t, generate(t, "Joe.Doe@example.com", 0, 0).Cert()))
	server := httptest.NewServer(keys.NewWKDHandler(h.senders))
	defer server.Close()
	cert := joe.Cert().Bytes()
	ask := func(method, host, path string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		response, err := server.Client().Transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { response.Body.Close() })
		if origin := response.Header.Get("Access-Control-Allow-Origin"); origin != "*" {
			t.Errorf("%s: allowed origin %q", path, origin)
		}
		return response
	}
	const root = "/.well-known/openpgpkey"
	for _, tc := range []struct {
		method, host, path string
		status             int
		body               []byte
		kind               string
	}{
		{"GET", "openpgpkey.example.org", root + "/example.org/hu/" + joeHash + "?l=Joe.Doe", 200, cert, "application/octet-stream"},
		{"GET", "openpgpkey.example.org", root + "/Example.ORG/hu/" + joeHash, 200, cert, "application/octet-stream"},
		{"GET", "example.org", root + "/hu/" + joeHash + "?l=Joe.Doe", 200, cert, "application/octet-stream"},
		{"GET", "EXAMPLE.org.:443", root + "/hu/" + joeHash, 200, cert, "application/octet-stream"},
		{"HEAD", "example.org", root + "/hu/" + joeHash, 200, nil, "application/octet-stream"},
		{"GET", "example.org", root + "/policy", 200, nil, "text/plain; charset=us-ascii"},
		{"GET", "openpgpkey.example.org", root + "/example.org/policy", 200, nil, "text/plain; charset=us-ascii"},
		{"GET", "openpgpkey.example.com", root + "/example.com/hu/" + joeHash, 404, nil, ""},
		{"GET", "example.com", root + "/hu/" + joeHash, 404, nil, ""},
		{"GET", "example.com", root + "/policy", 404, nil, ""},
		{"GET", "example.org", root + "/hu/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 404, nil, ""},
		{"GET", "example.org", root + "/hu/", 404, nil, ""},
		{"GET", "example.org", root + "/", 404, nil, ""},
		{"GET", "example.org", root, 404, nil, ""},
		{"GET", "example.org", "/", 404, nil, ""},
		{"GET", "example.org", root + "/x/example.org/hu/" + joeHash, 404, nil, ""},
		{"GET", "example.org", root + "/hu/policy", 404, nil, ""},
		{"POST", "example.org", root + "/hu/" + joeHash, 405, nil, ""},
	} {
		r := ask(tc.method, tc.host, tc.path)
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		if r.StatusCode != tc.status || tc.status == 200 && (!bytes.Equal(body, tc.body) || r.Header.Get("Content-Type") != tc.kind) {
			t.Errorf("%s %s %s: %s, %s, %d octets", tc.method, tc.host, tc.path, r.Status, r.Header.Get("Content-Type"), len(body))
		}
		if tc.method == "HEAD" && r.ContentLength != int64(len(cert)) {
			t.Errorf("HEAD says %d octets", r.ContentLength)
		}
	}

	other := generate(t, "Joe.Doe@example.org", 0, 0)
	importOne(t, h.process(t).senders, keys.ImportOptions{}, armored(t, other))
	if body, err := io.ReadAll(ask("GET", "example.org", root+"/hu/"+joeHash).Body); err != nil || !bytes.Equal(body, other.Cert().Bytes()) {
		t.Errorf("the new key is not served: %v", err)
	}
	h.store.Close()
	if r := ask("GET", "example.org", root+"/hu/"+joeHash); r.StatusCode != 503 {
		t.Errorf("without the store: %s", r.Status)
	}
}
