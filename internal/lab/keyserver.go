package lab

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Keyserver is a key server with the interface of keys.openpgp.org (VKS) and the HTTP Keyserver Protocol (HKP). Its
// methods are safe for concurrent use. Set with the empty path makes the whole server misbehave.
type Keyserver struct {
	*Web
	// Host is the name that its certificate has.
	Host string

	mu   sync.Mutex
	keys []serverKey
}

type serverKey struct {
	fingerprint string
	armored     []byte
	addresses   []string
}

// StartKeyserver starts an empty key server with a host name. The caller closes it.
func StartKeyserver(authority *Authority, host string) (*Keyserver, error) {
	s := &Keyserver{Host: host}
	web, err := StartWeb(authority, s.answer)
	if err != nil {
		return nil, fmt.Errorf("start a key server: %w", err)
	}
	s.Web = web
	return s, nil
}

// BaseURL returns the URL of the server without a path.
func (s *Keyserver) BaseURL() string { return s.URL(s.Host, "") }

// Add puts an armored certificate on the server. It is found by its fingerprint, in upper-case hexadecimal, and by
// the addresses, if there are any.
func (s *Keyserver) Add(fingerprint string, armored []byte, addresses ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = append(s.keys, serverKey{fingerprint, armored, addresses})
}

// answer is what the server says unless it is told otherwise.
func (s *Keyserver) answer(r WebRequest) Behaviour {
	target, err := url.Parse(r.Target)
	if err != nil {
		return Status(http.StatusBadRequest)
	}
	if address, ok := strings.CutPrefix(target.Path, "/vks/v1/by-email/"); ok {
		return s.find(1, func(k serverKey) bool { return k.has(address) })
	}
	if fingerprint, ok := strings.CutPrefix(target.Path, "/vks/v1/by-fingerprint/"); ok {
		return s.find(1, func(k serverKey) bool { return k.fingerprint == fingerprint })
	}
	query := target.Query()
	if target.Path != "/pks/lookup" || query.Get("op") != "get" {
		return Status(http.StatusNotImplemented)
	}
	search := query.Get("search")
	if fingerprint, ok := strings.CutPrefix(search, "0x"); ok {
		return s.find(1, func(k serverKey) bool { return strings.EqualFold(k.fingerprint, fingerprint) })
	}
	return s.find(-1, func(k serverKey) bool { return k.has(search) })
}

func (k serverKey) has(address string) bool {
	return slices.ContainsFunc(k.addresses, func(a string) bool { return strings.EqualFold(a, address) })
}

// find answers with the first keys that match, all of them if most is negative.
func (s *Keyserver) find(most int, match func(serverKey) bool) Behaviour {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := Behaviour{Header: map[string]string{"Content-Type": "application/pgp-keys"}}
	for _, key := range s.keys {
		if most != 0 && match(key) {
			b.Body = append(b.Body, key.armored...)
			most--
		}
	}
	if len(b.Body) == 0 {
		return Status(http.StatusNotFound)
	}
	return b
}
