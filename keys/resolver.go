package keys

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Resolver asks one recursive DNS resolver, over UDP with TCP for long answers (RFC 7766), or over TLS (RFC 7858). It
// does not validate DNSSEC itself: it believes the AD bit of a resolver that it can trust. It never uses the system's
// own resolver functions. It is safe for concurrent use.
type Resolver struct {
	server   string // address and port
	tls      *tls.Config
	loopback bool
	retry    time.Duration
}

// ResolverOptions say how a [Resolver] differs from the usual. The zero value is fit for use.
type ResolverOptions struct {
	// RootCAs verify a resolver that is reached over TLS; nil stands for those of the system.
	RootCAs *x509.CertPool
	// ResolvConf is the file that names the system's resolvers; "" stands for /etc/resolv.conf.
	ResolvConf string
	// Retry is how long to wait for an answer over UDP before the question is sent once more; 0 stands for 2 s.
	Retry time.Duration
}

const (
	// defaultRetry is well over the time that a resolver usually needs for a name that it does not know yet.
	defaultRetry = 2 * time.Second
	// longestQuery bounds a question whose context sets no bound.
	longestQuery = 10 * time.Second
	// maxAliases bounds the CNAME records on the way from one name to its data.
	maxAliases = 8
	// sessions is the number of TLS sessions kept to be resumed.
	sessions = 4
)

// NewResolver returns a client of the resolver at an address: "IP" or "IP:port" for UDP and TCP, usually on port 53, or
// "tls://IP[:port][#name]" for TLS, usually on port 853, whose certificate is for the name or else for the IP address.
// "" stands for the first resolver of the system. Nothing is asked yet.
func NewResolver(address string, options ResolverOptions) (*Resolver, error) {
	if address == "" {
		file := cmp.Or(options.ResolvConf, "/etc/resolv.conf")
		address, err := systemNameserver(file)
		if err != nil {
			return nil, err
		}
		r, err := newResolver(address, options)
		if err != nil {
			err = fmt.Errorf("%w; correct nameserver in %s, or set resolver in [keys]", err, file)
		}
		return r, err
	}
	return newResolver(address, options)
}

func newResolver(address string, options ResolverOptions) (*Resolver, error) {
	r := &Resolver{retry: options.Retry}
	if r.retry <= 0 {
		r.retry = defaultRetry
	}
	rest, encrypted := strings.CutPrefix(address, "tls://")
	port := uint16(53)
	name := ""
	if encrypted {
		var named bool
		port = 853
		if rest, name, named = strings.Cut(rest, "#"); named && !isHostName(name) {
			return nil, fmt.Errorf("DNS resolver %q: %q is not a host name", address, name)
		}
	}
	server, err := parseNameserver(rest, port)
	if err != nil {
		return nil, fmt.Errorf("DNS resolver %q: %w", address, err)
	}
	r.server, r.loopback = server.String(), server.Addr().Unmap().IsLoopback()
	if encrypted {
		if name == "" {
			name = server.Addr().WithZone("").String()
		}
		r.tls = &tls.Config{
			ServerName:         name,
			RootCAs:            options.RootCAs,
			MinVersion:         tls.VersionTLS12,
			ClientSessionCache: tls.NewLRUClientSessionCache(sessions),
		}
	}
	return r, nil
}

// systemNameserver returns the first resolver of a resolv.conf(5).
func systemNameserver(file string) (string, error) {
	config, err := dns.ClientConfigFromFile(file)
	if err != nil {
		return "", fmt.Errorf("find the system's DNS resolver: %w; name one there, or set resolver in [keys]", err)
	}
	if len(config.Servers) == 0 {
		return "", fmt.Errorf("find the system's DNS resolver: %s has no nameserver; name one there, or set resolver in [keys]", file)
	}
	return config.Servers[0], nil
}

// parseNameserver parses an IP address with or without a port. To resolve a resolver's name would take another resolver.
func parseNameserver(s string, defaultPort uint16) (netip.AddrPort, error) {
	if server, err := netip.ParseAddrPort(s); err == nil {
		if server.Port() == 0 {
			return netip.AddrPort{}, errors.New("its port is 0")
		}
		return server, nil
	}
	ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q is not an IP address with or without a port", s)
	}
	return netip.AddrPortFrom(ip, defaultPort), nil
}

// Trusted reports whether the resolver's word on DNSSEC counts (RFC 6840, section 5.8): it is on loopback or reached
// over TLS, so that nobody in between can set the AD bit. One on loopback must validate itself: a forwarder that passes
// on the AD bit of a resolver in the network is trusted as well, and ought not to be.
func (r *Resolver) Trusted() bool { return r.loopback || r.tls != nil }

// String returns the resolver's address as it is dialled.
func (r *Resolver) String() string {
	if r.tls != nil {
		return "tls://" + r.server
	}
	return r.server
}

// dnsAnswer is what the resolver knows of a name and a type.
type dnsAnswer struct {
	// records have the type that was asked for, and stand at the end of the chain of CNAMEs.
	records []dns.RR
	// exists is false for NXDOMAIN.
	exists bool
	// authentic says that a trusted resolver has validated all of the answer.
	authentic bool
}

// query asks for the records of a type that a name has. Its errors are [*net.DNSError] and mean that it is unknown.
// IsNotFound is never set: that a name or its data do not exist is no error here.
func (r *Resolver) query(ctx context.Context, name string, recordType uint16) (dnsAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, longestQuery)
	defer cancel()
	if _, valid := dns.IsDomainName(name); !valid {
		return dnsAnswer{}, r.fail(name, errors.New("it is not a domain name"))
	}
	answer := dnsAnswer{exists: true, authentic: r.Trusted()}
	alias := dns.CanonicalName(name)
	for left := maxAliases; ; {
		reply, err := r.exchange(ctx, alias, recordType)
		if err == nil {
			err = refusedBy(reply)
		}
		if err != nil {
			return dnsAnswer{}, r.fail(name, err)
		}
		answer.authentic = answer.authentic && reply.AuthenticatedData
		if reply.Rcode == dns.RcodeNameError {
			answer.exists = false
			return answer, nil
		}
		records, end, used := follow(reply.Answer, alias, recordType, left)
		if left -= used; left < 0 {
			return dnsAnswer{}, r.fail(name, fmt.Errorf("its chain of aliases (CNAME) goes in circles or has more than %d", maxAliases))
		}
		if len(records) > 0 || end == alias {
			answer.records = records
			return answer, nil
		}
		// Some resolvers leave the end of the chain to the one who asks.
		alias = end
	}
}

// follow walks the CNAME records from a name to the records of a type and returns these, the last name, and how many
// CNAMEs it took. It gives up after one more than most.
func follow(records []dns.RR, name string, recordType uint16, most int) (found []dns.RR, end string, used int) {
	for used <= most {
		target := ""
		for _, rr := range records {
			h := rr.Header()
			if h.Class != dns.ClassINET || dns.CanonicalName(h.Name) != name {
				continue
			}
			if cname, ok := rr.(*dns.CNAME); ok && target == "" {
				target = dns.CanonicalName(cname.Target)
			}
			if h.Rrtype == recordType {
				found = append(found, rr)
			}
		}
		if len(found) > 0 || target == "" {
			return found, name, used
		}
		name = target
		used++
	}
	return nil, name, used
}

// refusedBy returns why a reply does not say whether the name has data, nil if it does.
func refusedBy(reply *dns.Msg) error {
	switch {
	case reply.Rcode == dns.RcodeServerFailure:
		return &badReply{text: "SERVFAIL" + extendedError(reply), temporary: true}
	case reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError:
		text, known := dns.RcodeToString[reply.Rcode]
		if !known {
			text = fmt.Sprintf("response code %d", reply.Rcode)
		}
		return &badReply{text: text + extendedError(reply)}
	case !reply.RecursionAvailable && !reply.Authoritative:
		// Without recursion, "no data" may just be a referral to those who know.
		return &badReply{text: "it does not resolve names for this host; configure a recursive resolver"}
	}
	return nil
}

// extendedError returns the registered text of an extended error (RFC 8914). The free text beside it is a stranger's.
func extendedError(reply *dns.Msg) string {
	opt := reply.IsEdns0()
	if opt == nil {
		return ""
	}
	for _, option := range opt.Option {
		if extended, ok := option.(*dns.EDNS0_EDE); ok && dns.ExtendedErrorCodeToString[extended.InfoCode] != "" {
			return " (" + dns.ExtendedErrorCodeToString[extended.InfoCode] + ")"
		}
	}
	return ""
}

// badReply is a resolver's answer that says nothing of the name.
type badReply struct {
	text      string
	temporary bool
}

func (b *badReply) Error() string { return "the resolver said " + b.text }

// fail makes the error for a question that was not answered. It unwraps to no more than the end of a context: that the
// resolver refuses connections, or that its certificate is for another name, must not pass for a word about the host.
func (r *Resolver) fail(name string, err error) error {
	failure := &net.DNSError{Err: err.Error(), Name: strings.TrimSuffix(name, "."), Server: r.String()}
	var bad *badReply
	var network net.Error
	switch {
	case errors.As(err, &bad):
		failure.IsTemporary = bad.temporary
	case errors.Is(err, context.Canceled):
		failure.UnwrapErr = context.Canceled
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		failure.IsTimeout, failure.IsTemporary = true, true
		failure.Err, failure.UnwrapErr = "the resolver did not answer in time", context.DeadlineExceeded
	}
	return failure
}

// isHostName reports whether s is a host name in A-labels, or looks enough like one: letters, digits, hyphens and
// underscores between single dots.
func isHostName(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for _, c := range []byte(label) {
			letter := c|0x20 >= 'a' && c|0x20 <= 'z'
			if !letter && (c < '0' || c > '9') && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}
