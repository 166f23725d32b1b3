package web

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Named reports whether the Host header of a request is one that leads here: an IP address, localhost, or one of names.
// Another site can let its own name lead to this address (DNS rebinding), and its pages could then read what is served here; it
// can do so with no IP address. A request without a Host header is no browser's.
func Named(r *http.Request, names []string) bool {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil || host == "localhost" {
		return true
	}
	if r.Host == "" && !r.ProtoAtLeast(1, 1) {
		return true
	}
	return host != "" && slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, host) })
}
