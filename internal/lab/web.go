package lab

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// WebRequest is one request as a [Web] got it.
type WebRequest struct {
	// Host is the Host field without the port.
	Host string
	// Target is the request target as it came: path and query, still encoded.
	Target string
	Method string
	// Proto is "HTTP/1.1" or "HTTP/2.0".
	Proto  string
	Header http.Header
}

// Web is an HTTPS server for any number of host names on one loopback port. What it answers can be changed while it
// runs. Its methods are safe for concurrent use.
type Web struct {
	// Addr is the address to connect to, "127.0.0.1:port", whatever the host name.
	Addr string

	authority *Authority
	server    *http.Server
	usual     func(WebRequest) Behaviour
	serving   sync.WaitGroup

	mu           sync.Mutex
	certificates map[string]*tls.Certificate
	http1        map[string]bool
	told         map[place]Behaviour
	requests     []WebRequest
	arrival      chan struct{} // closed and replaced at each request
}

// place is where a behaviour applies. An empty path is every path of the host.
type place struct{ host, path string }

// StartWeb starts a server that has certificates of an authority and answers what it has not been told otherwise as
// usual does; nil answers 404. The caller closes it.
func StartWeb(authority *Authority, usual func(WebRequest) Behaviour) (*Web, error) {
	if usual == nil {
		usual = func(WebRequest) Behaviour { return Status(http.StatusNotFound) }
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start a web server: %w", err)
	}
	w := &Web{
		Addr:         listener.Addr().String(),
		authority:    authority,
		usual:        usual,
		certificates: make(map[string]*tls.Certificate),
		http1:        make(map[string]bool),
		told:         make(map[place]Behaviour),
		arrival:      make(chan struct{}),
	}
	w.server = &http.Server{
		Handler:   http.HandlerFunc(w.serve),
		TLSConfig: &tls.Config{GetCertificate: w.certificate, GetConfigForClient: w.config},
		// Clients that do not like a certificate are what the lab is for.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	w.serving.Go(func() { w.server.ServeTLS(listener, "", "") }) // always ends with an error
	return w, nil
}

// Close ends all connections.
func (w *Web) Close() error {
	err := w.server.Close()
	w.serving.Wait()
	return err
}

// Port returns the port of Addr.
func (w *Web) Port() string {
	_, port, _ := net.SplitHostPort(w.Addr) // it is what a listener gave
	return port
}

// URL returns the URL of a path on a host of this server.
func (w *Web) URL(host, path string) string {
	return "https://" + net.JoinHostPort(host, w.Port()) + path
}

// Set makes the server behave in some way at a path, without its query, of a host. The empty path is every path that
// has no behaviour of its own.
func (w *Web) Set(host, path string, b Behaviour) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told[place{host, path}] = b
}

// Reset takes back all that Set was told.
func (w *Web) Reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.told)
}

// SetCertificate makes the server show a certificate to clients that ask for a host. Without it every host has a good
// one.
func (w *Web) SetCertificate(host string, c *tls.Certificate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.certificates[host] = c
}

// SetHTTP1 makes the server speak no HTTP/2 with clients that ask for a host.
func (w *Web) SetHTTP1(host string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.http1[host] = true
}

// Requests returns what has come so far, in order.
func (w *Web) Requests() []WebRequest {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.requests)
}

// Wait waits until n requests have come since the start, and returns all there are by then.
func (w *Web) Wait(ctx context.Context, n int) ([]WebRequest, error) {
	for {
		w.mu.Lock()
		all, arrival := slices.Clone(w.requests), w.arrival
		w.mu.Unlock()
		if len(all) >= n {
			return all, nil
		}
		select {
		case <-arrival:
		case <-ctx.Done():
			return all, fmt.Errorf("wait for %d requests, %d came: %w", n, len(all), ctx.Err())
		}
	}
}

func (w *Web) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	host := strings.ToLower(hello.ServerName)
	if host == "" {
		return nil, errors.New("the client names no host")
	}
	if w.certificates[host] == nil {
		issued, err := w.authority.Issue(host)
		if err != nil {
			return nil, err
		}
		w.certificates[host] = issued
	}
	return w.certificates[host], nil
}

// config returns another configuration for a client, or nil.
func (w *Web) config(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.http1[strings.ToLower(hello.ServerName)] {
		return nil, nil
	}
	return &tls.Config{GetCertificate: w.certificate, NextProtos: []string{"http/1.1"}}, nil
}

func (w *Web) serve(out http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host // without a port
	}
	request := WebRequest{Host: host, Target: r.RequestURI, Method: r.Method, Proto: r.Proto, Header: r.Header.Clone()}
	w.record(request).play(r.Context(), out)
}

// record keeps a request and returns how to answer it.
func (w *Web) record(r WebRequest) Behaviour {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests = append(w.requests, r)
	close(w.arrival)
	w.arrival = make(chan struct{})
	path, _, _ := strings.Cut(r.Target, "?")
	for _, p := range []place{{r.Host, path}, {r.Host, ""}} {
		if b, told := w.told[p]; told {
			return b
		}
	}
	return w.usual(r)
}
