package web

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
)

func TestNamed(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1:8895": true, "127.0.0.1": true, "localhost:1234": true, "LOCALHOST": true, "[::1]:8895": true, "[::1]": true, "192.0.2.7:80": true,
		"mx.example.org:8895": true, "MX.example.org.": true,
		"evil.example": false, "evil.example:8895": false, "localhost.evil.example": false, "127.0.0.1.evil.example": false, "": false, ":8895": false, ".": false,
		"mx.example.org.evil.example": false, "xlocalhost": false, "127.0.0.1@evil.example": false, "2130706433": false, "0x7f.1": false,
	} {
		r := &http.Request{Host: host, ProtoMajor: 1, ProtoMinor: 1}
		if got := Named(r, []string{"mx.example.org", ""}); got != want {
			t.Errorf("%q: %t", host, got)
		}
	}
}

// TestNamedOfOldPrograms: HTTP/1.0 has no Host header of its own, and no browser speaks it.
func TestNamedOfOldPrograms(t *testing.T) {
	for request, want := range map[string]bool{
		"GET / HTTP/1.0\r\n\r\n":                       true,
		"GET / HTTP/1.0\r\nHost: evil.example\r\n\r\n": false,
		"GET http://evil.example/ HTTP/1.0\r\n\r\n":    false,
	} {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request)))
		if err != nil {
			t.Fatal(err)
		}
		if got := Named(r, nil); got != want {
			t.Errorf("%q: %t", request, got)
		}
	}
}
