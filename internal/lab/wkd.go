package lab

import (
	"crypto/sha1"
	"encoding/base32"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// WKDLayout says where a domain keeps its Web Key Directory (draft-koch-openpgp-webkey-service, section 3.1).
type WKDLayout uint8

const (
	// Advanced is a host of its own, "openpgpkey." and the domain.
	Advanced WKDLayout = iota
	// Direct is the host that is called like the domain.
	Direct
)

// zBase32 is the encoding of RFC 6189, section 5.1.6, for a multiple of 5 octets.
var zBase32 = base32.NewEncoding("ybndrfg8ejkmcpqxot1uwisza345h769")

// WKDServer is a Web Key Directory of any number of domains. Its methods are safe for concurrent use. What it serves
// can be overridden with Set at the paths that [WKDServer.KeyPath] and [WKDServer.PolicyPath] give.
type WKDServer struct {
	*Web

	mu      sync.Mutex
	domains map[string]WKDLayout
	files   map[place][]byte
}

// StartWKD starts a server without domains. The caller closes it.
func StartWKD(authority *Authority) (*WKDServer, error) {
	s := &WKDServer{domains: make(map[string]WKDLayout), files: make(map[place][]byte)}
	web, err := StartWeb(authority, s.file)
	if err != nil {
		return nil, fmt.Errorf("start a web key directory: %w", err)
	}
	s.Web = web
	return s, nil
}

// AddDomain begins to serve a domain, in lower-case A-labels, with an empty policy file and no keys.
func (s *WKDServer) AddDomain(domain string, layout WKDLayout) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.domains[domain] = layout
	s.files[place{s.host(domain), s.prefix(domain) + "policy"}] = []byte{}
}

// Publish puts a keyring at the place of a local part of a domain that has been added; nil takes it away.
func (s *WKDServer) Publish(domain, local string, keyring []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := place{s.host(domain), s.prefix(domain) + "hu/" + wkdHash(local)}
	if keyring == nil {
		delete(s.files, at)
		return
	}
	s.files[at] = keyring
}

// Hosts returns the names of the hosts that serve the domains. A resolver of the lab maps them to loopback.
func (s *WKDServer) Hosts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var hosts []string
	for _, domain := range slices.Sorted(maps.Keys(s.domains)) {
		hosts = append(hosts, s.host(domain))
	}
	return hosts
}

// Host returns the name of the host that serves a domain.
func (s *WKDServer) Host(domain string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.host(domain)
}

// KeyPath returns the path of a local part's key, without the query.
func (s *WKDServer) KeyPath(domain, local string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.prefix(domain) + "hu/" + wkdHash(local)
}

// PolicyPath returns the path of a domain's policy file.
func (s *WKDServer) PolicyPath(domain string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.prefix(domain) + "policy"
}

func (s *WKDServer) host(domain string) string {
	if s.domains[domain] == Direct {
		return domain
	}
	return "openpgpkey." + domain
}

func (s *WKDServer) prefix(domain string) string {
	if s.domains[domain] == Direct {
		return "/.well-known/openpgpkey/"
	}
	return "/.well-known/openpgpkey/" + domain + "/"
}

// file is what the server answers unless it is told otherwise.
func (s *WKDServer) file(r WebRequest) Behaviour {
	s.mu.Lock()
	defer s.mu.Unlock()
	path, _, _ := strings.Cut(r.Target, "?")
	body, found := s.files[place{r.Host, path}]
	if !found {
		return Status(http.StatusNotFound)
	}
	b := Found(body)
	b.Header = map[string]string{"Content-Type": "application/octet-stream"}
	return b
}

// wkdHash names the file of a local part: ASCII letters become lower case, others stay.
func wkdHash(local string) string {
	lower := []byte(local)
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' {
			lower[i] = c | 0x20
		}
	}
	digest := sha1.Sum(lower)
	return zBase32.EncodeToString(digest[:])
}
