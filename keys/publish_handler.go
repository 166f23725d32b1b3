package keys

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// WKDHandler answers requests to the Web Key Directory of the senders' domains live from the store, by the advanced
// and the direct method (draft-koch-openpgp-webkey-service, section 3.1): for a web server that passes them on, with
// the Host field as the client sent it. It serves the senders' own certificates, each reduced to the address asked
// for, and nothing else. It is safe for concurrent use.
type WKDHandler struct {
	senders *Senders

	mu         sync.Mutex
	generation int64
	domains    map[string]map[string][]byte // certificates by domain and hash; nil before the first request
}

// NewWKDHandler returns the handler for some senders.
func NewWKDHandler(s *Senders) *WKDHandler {
	return &WKDHandler{senders: s}
}

// ServeHTTP answers GET and HEAD. What is not there is 404; a store that cannot be read is 503, so that nobody takes
// that for "there is no key".
func (h *WKDHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are served", http.StatusMethodNotAllowed)
		return
	}
	domain, name, ok := parseWebKeyPath(r.URL.Path, r.Host)
	if !ok {
		http.NotFound(w, r)
		return
	}
	domains, err := h.certificates(r.Context())
	if err != nil {
		http.Error(w, "the certificates cannot be read now", http.StatusServiceUnavailable)
		return
	}
	certs, served := domains[domain]
	cert, found := certs[name]
	switch {
	case served && name == "policy":
		w.Header().Set("Content-Type", "text/plain; charset=us-ascii")
		w.Header().Set("Content-Length", "0")
	case found:
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.Itoa(len(cert)))
		w.Write(cert)
	default:
		http.NotFound(w, r)
	}
}

// parseWebKeyPath returns which domain is asked and for what: "policy" or a hash.
func parseWebKeyPath(path, host string) (domain, name string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/"+webKeyRoot+"/")
	if !ok {
		return "", "", false
	}
	parts := strings.Split(rest, "/")
	if last := len(parts) - 1; last > 0 && parts[last-1] == "hu" && len(parts[last]) == webKeyHashLength {
		name, parts = parts[last], parts[:last-1]
	} else if parts[last] == "policy" {
		name, parts = "policy", parts[:last]
	}
	switch {
	case name == "":
		return "", "", false
	case len(parts) == 0:
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		domain = host
	case len(parts) == 1:
		domain = parts[0]
	default:
		return "", "", false
	}
	return strings.TrimSuffix(strings.ToLower(domain), "."), name, true
}

// webKeyHashLength is how many characters 20 octets of SHA-1 take.
const webKeyHashLength = 32

// certificates returns what is served, read anew when the store has changed.
func (h *WKDHandler) certificates(ctx context.Context) (map[string]map[string][]byte, error) {
	generation, err := h.senders.store.KeyGeneration(ctx)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.domains != nil && h.generation == generation {
		return h.domains, nil
	}
	all, _, err := h.senders.publications(ctx)
	if err != nil {
		return nil, err
	}
	domains := make(map[string]map[string][]byte)
	for _, p := range all {
		if domains[p.addr.Domain()] == nil {
			domains[p.addr.Domain()] = make(map[string][]byte)
		}
		domains[p.addr.Domain()][p.hash] = p.cert.Bytes()
	}
	h.domains, h.generation = domains, generation
	return domains, nil
}
