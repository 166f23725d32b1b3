package keys_test

import (
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
	"sealmilter/keys"
)

// onlyLoopback is what the tests allow to be asked.
var onlyLoopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// internet is a network where names mean what a test says, certificates are good if its authority issued them, and
// every connection is on record.
type internet struct {
	authority *lab.Authority
	clock     *clock

	mu      sync.Mutex
	hosts   map[string][]netip.Addr
	failing map[string]bool
	asked   []string // names, as they were asked for
	dialled []string // addresses
}

func newInternet(t testing.TB) *internet {
	t.Helper()
	authority, err := lab.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	return &internet{
		authority: authority,
		clock:     &clock{t: noon},
		hosts:     make(map[string][]netip.Addr),
		failing:   make(map[string]bool),
	}
}

// set gives a host its addresses.
func (n *internet) set(host string, addrs ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[host] = nil
	for _, a := range addrs {
		n.hosts[host] = append(n.hosts[host], netip.MustParseAddr(a))
	}
}

// fail makes the resolution of a host fail.
func (n *internet) fail(host string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.failing[host] = true
}

func (n *internet) LookupNetIP(_ context.Context, network, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, network+" "+host)
	name := strings.TrimSuffix(host, ".")
	if n.failing[name] {
		return nil, &net.DNSError{Err: "server misbehaving", Name: host, IsTemporary: true}
	}
	var addrs []netip.Addr
	for _, a := range n.hosts[name] {
		if a.Is4() == (network == "ip4") {
			addrs = append(addrs, a)
		}
	}
	if len(addrs) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return addrs, nil
}

func (n *internet) dial(ctx context.Context, network, address string) (net.Conn, error) {
	n.mu.Lock()
	n.dialled = append(n.dialled, address)
	n.mu.Unlock()
	return new(net.Dialer).DialContext(ctx, network, address)
}

func (n *internet) connections() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dialled
}

// fetcher returns a fetcher that may ask loopback and trusts the authority.
func (n *internet) fetcher(t testing.TB) *keys.Fetcher {
	return n.fetcherWith(t, n.authority.Pool(), onlyLoopback...)
}

func (n *internet) fetcherWith(t testing.TB, roots *x509.CertPool, allow ...netip.Prefix) *keys.Fetcher {
	f := keys.NewFetcher(keys.FetcherOptions{Hosts: n, Connect: n.dial, Allow: allow, RootCAs: roots, Now: n.clock.Now})
	t.Cleanup(f.CloseIdleConnections)
	return f
}

// closedPort returns a port of loopback that refuses connections.
func closedPort(t testing.TB) string {
	t.Helper()
	_, port, err := net.SplitHostPort(labtest.Reserve(t))
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestIsPublic(t *testing.T) {
	for _, s := range []string{
		"8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0", "223.255.255.255", "193.0.0.1",
		"2001:4860:4860::8888", "2a00::1", "2620:4f:8000::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2001:200::1",
	} {
		if !keys.IsPublic(netip.MustParseAddr(s)) {
			t.Errorf("%s is public", s)
		}
	}
	for _, s := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.0.1", "169.254.169.254",
		"172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255",
		"198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::127.0.0.1",
		"64:ff9b:1::8.8.8.8", "100::1", "2001::1", "2001:2::1", "2001:10::1", "2001:db8::1", "2002:0a00:0001::1", "3fff::1",
		"5f00::1", "fc00::1", "fd12::1", "fe80::1", "fe80::1%eth0", "2a00::1%eth0", "fec0::1", "ff02::1",
	} {
		if keys.IsPublic(netip.MustParseAddr(s)) {
			t.Errorf("%s is not public", s)
		}
	}
	if keys.IsPublic(netip.Addr{}) {
		t.Error("no address is public")
	}
}

func TestServerURL(t *testing.T) {
	for s, want := range map[string]string{
		"https://keys.openpgp.org":      "https://keys.openpgp.org",
		"https://keys.example.org/":     "https://keys.example.org",
		"https://keys.example.org:8443": "https://keys.example.org:8443",
		"https://example.org/keys/":     "https://example.org/keys",
		"hkps://keys.example.org":       "https://keys.example.org",
		"hkps://keys.example.org:11371": "https://keys.example.org:11371",
		"HKPS://keys.example.org":       "https://keys.example.org",
	} {
		if got, err := keys.ParseServer(s, "hkps"); got != want || err != nil {
			t.Errorf("%s: %q, %v", s, got, err)
		}
	}
	for s, why := range map[string]string{
		"":                            "https://",
		"keys.openpgp.org":            "https://",
		"http://keys.example.org":     "https://",
		"hkp://keys.example.org":      "https://",
		"file:///etc/passwd":          "https://",
		"https:":                      "names no host",
		"https:///x":                  "names no host",
		"https://:443":                "names no host",
		"https:keys.example.org":      "names no host",
		"https://a:b@example.org":     "must not have",
		"https://example.org/?x=y":    "must not have",
		"https://example.org/#x":      "must not have",
		"https://example.org:port":    "not valid",
		"https://exa mple.org":        "not valid",
		"https://example.org/\x00":    "not valid",
		"hkps://::":                   "not valid",
		"https://[::1/":               "not valid",
		"https://keys.example.org/%z": "not valid",
	} {
		if got, err := keys.ParseServer(s, "hkps"); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %q, %v", s, got, err)
		}
	}
	if got, err := keys.ParseServer("hkps://keys.example.org"); err == nil {
		t.Errorf("without the alias: %q", got)
	}
}
