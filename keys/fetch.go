package keys

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What an answer may cost.
const (
	maxBody      = 256 << 10 // octets
	maxHeader    = 32 << 10  // octets
	maxRedirects = 3
	maxFetchTime = 30 * time.Second // where the context has no shorter deadline
)

// FetcherOptions are what a [Fetcher] depends on. The zero FetcherOptions are good for the Internet.
type FetcherOptions struct {
	// Hosts finds the addresses of hosts; nil asks the name servers of this machine's configuration.
	Hosts HostResolver
	// Connect connects to an IP address and port, never to the name of a host; nil is a [net.Dialer].
	Connect func(ctx context.Context, network, address string) (net.Conn, error)
	// Allow lists networks that may be asked although they are not public.
	Allow []netip.Prefix
	// RootCAs are the authorities that are trusted; nil trusts those of this machine.
	RootCAs *x509.CertPool
	// UserAgent is sent with every request; "" is "sealmilter".
	UserAgent string
	// Now is the clock by which certificates expire and hosts may be asked again; nil is [time.Now].
	Now func() time.Time
	// Dated is called with what each answer says of the time, by the clock of its host; it may be called by several
	// goroutines at a time. It is nil if nobody wants to know.
	Dated func(host string, at time.Time)
}

// Fetcher gets what other hosts serve over HTTPS. Where to is chosen by the addresses that users write to, so nothing
// that comes back is trusted: certificates are verified, only public addresses are connected to, after redirects as
// well, and time, size and the number of redirects are bounded. A host that asks to be left alone is. Requests carry
// nothing but the User-Agent: no cookies, no Referer, no credentials, and no proxy of the environment sees them.
//
// A Fetcher is safe for concurrent use.
type Fetcher struct {
	transport *http.Transport
	roots     *x509.CertPool
	userAgent string
	now       func() time.Time
	dated     func(host string, at time.Time)
	pauses    pauses
}

// NewFetcher returns a fetcher. The caller ends it with CloseIdleConnections.
func NewFetcher(o FetcherOptions) *Fetcher {
	if o.Hosts == nil {
		o.Hosts = systemResolver()
	}
	if o.Connect == nil {
		o.Connect = new(net.Dialer).DialContext
	}
	if o.UserAgent == "" {
		o.UserAgent = "sealmilter"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	d := &dialer{resolver: o.Hosts, allow: slices.Clone(o.Allow), connect: o.Connect}
	return &Fetcher{
		transport: &http.Transport{
			DialContext: d.dial,
			TLSClientConfig: &tls.Config{
				MinVersion: tls.VersionTLS12,
				RootCAs:    o.RootCAs,
				Time:       o.Now,
			},
			TLSHandshakeTimeout: 10 * time.Second,
			// A compressed body would have to be bounded twice.
			DisableCompression:     true,
			MaxIdleConns:           16,
			MaxIdleConnsPerHost:    1,
			IdleConnTimeout:        30 * time.Second,
			MaxResponseHeaderBytes: maxHeader,
			ForceAttemptHTTP2:      true,
			// A connection that has died would cost every request on it its whole time.
			HTTP2: &http.HTTP2Config{SendPingTimeout: 5 * time.Second, PingTimeout: 3 * time.Second},
		},
		roots:     o.RootCAs,
		userAgent: o.UserAgent,
		now:       o.Now,
		dated:     o.Dated,
	}
}

// CloseIdleConnections closes the connections that wait for a next request.
func (f *Fetcher) CloseIdleConnections() { f.transport.CloseIdleConnections() }

// Get returns the body of the answer with status 200, at most 256 KiB. Every other outcome is a [*FetchError], which
// wraps [ErrNotFound] or [ErrNoService] if it is definite. It ends when ctx does, after half a minute at the latest.
func (f *Fetcher) Get(ctx context.Context, rawURL string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, maxFetchTime)
	defer cancel()
	target, err := url.Parse(rawURL)
	if err != nil {
		return nil, &FetchError{Why: "cannot be asked, its URL is not valid", cause: err}
	}
	asked := target.Host
	for hop := 0; ; hop++ {
		body, next, failure := f.ask(ctx, target)
		if failure != nil && hop > 0 {
			failure = failure.behind(asked)
		}
		switch {
		case failure != nil:
			return nil, failure
		case next == nil:
			return body, nil
		case hop == maxRedirects:
			return nil, &FetchError{Host: asked, Why: fmt.Sprintf("redirects more than %d times", maxRedirects)}
		}
		target = next
	}
}

// ask sends one request. It returns the body, or where the host redirects to, or what went wrong.
func (f *Fetcher) ask(ctx context.Context, target *url.URL) (body []byte, next *url.URL, failure *FetchError) {
	host := target.Host
	if target.Scheme != "https" || host == "" || target.User != nil {
		return nil, nil, &FetchError{Host: host, Why: "cannot be asked, only https URLs without a password are"}
	}
	if until := f.pauses.until(host, f.now()); !until.IsZero() {
		return nil, nil, paused(host, until)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, nil, &FetchError{Host: host, Why: "cannot be asked, its URL is not valid", cause: err}
	}
	req.Header.Set("User-Agent", f.userAgent)
	// The transport itself follows no redirect and adds neither cookies nor a Referer.
	resp, err := f.transport.RoundTrip(req)
	if err != nil {
		return nil, nil, f.unreachable(host, err)
	}
	defer resp.Body.Close()
	if at := dateOf(resp.Header); f.dated != nil && !at.IsZero() {
		f.dated(host, at)
	}
	switch resp.StatusCode {
	case http.StatusOK:
		body, failure = readBody(ctx, host, resp)
		return body, nil, failure
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect,
		http.StatusPermanentRedirect:
		next, err = resp.Location()
		if err != nil {
			return nil, nil, &FetchError{Host: host, Why: "redirects to nowhere", cause: err}
		}
		return nil, next, nil
	}
	if until := f.pauses.note(host, resp, f.now()); !until.IsZero() {
		return nil, nil, paused(host, until)
	}
	return nil, nil, refusal(host, resp.StatusCode)
}

// dateOf returns the time at which an answer was sent by the clock of its server (RFC 9110, section 6.6.1), also if it
// has been in a cache since (RFC 9111, section 5.1); the zero time if it does not say.
func dateOf(h http.Header) time.Time {
	at, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	age, err := strconv.ParseUint(cmp.Or(h.Get("Age"), "0"), 10, 31)
	if err != nil {
		return time.Time{}
	}
	return at.Add(time.Duration(age) * time.Second)
}

// readBody reads the whole body or fails: what is cut off may be a revocation.
func readBody(ctx context.Context, host string, resp *http.Response) ([]byte, *FetchError) {
	tooLarge := &FetchError{Host: host, Why: fmt.Sprintf("sends more than %d KiB", maxBody>>10)}
	switch encoding := resp.Header.Get("Content-Encoding"); {
	case encoding != "" && !strings.EqualFold(encoding, "identity"):
		return nil, &FetchError{Host: host, Why: fmt.Sprintf("sends its answer encoded as %.20q, unasked", encoding)}
	case resp.ContentLength > maxBody:
		return nil, tooLarge
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err == nil {
		// A server that sees the connection closing may still get out the end of a body that has none.
		err = ctx.Err()
	}
	switch {
	case isTimeout(err):
		return nil, &FetchError{Host: host, Why: "did not complete its answer in time", cause: err}
	case err != nil:
		return nil, &FetchError{Host: host, Why: "did not complete its answer", cause: err}
	case len(body) > maxBody:
		return nil, tooLarge
	}
	return body, nil
}
