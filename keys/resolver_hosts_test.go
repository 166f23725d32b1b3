package keys_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/lab"
	"sealmilter/internal/lab/labtest"
	"sealmilter/keys"
)

// TestResolverFindsHosts asks that a host is found, and by which questions.
func TestResolverFindsHosts(t *testing.T) {
	server := startDNS(t)
	here := records("A 127.0.0.1")
	with := func(fault lab.DNSFault, times int) lab.DNSName {
		return lab.DNSName{Records: here.Records, Fault: fault, Times: times}
	}
	for name, known := range map[string]lab.DNSName{
		"plain.example":     here,
		"lost.example":      with(lab.DNSSilent, 1),
		"strays.example":    with(lab.DNSStrays, 0),
		"truncated.example": with(lab.DNSTruncated, 0),
		"garbled.example":   with(lab.DNSGarbage, 1),
		"alias.example":     records("CNAME middle.example."),
		"middle.example":    records("CNAME Plain.Example."),
		"handed.example":    {Records: []string{"CNAME middle.example."}, Unresolved: true},
		"insecure.example":  {Records: here.Records, Insecure: true},
		"second.example":    records("A 127.0.0.9", "A 127.0.0.1"),
	} {
		know(t, server, name, known)
	}
	r := newResolver(t, server.Addr, keys.ResolverOptions{Retry: impatient})
	for name, want := range map[string][]string{
		"plain.example":     {"udp plain.example. A"},
		"PLAIN.example.":    {"udp plain.example. A"},
		"lost.example":      {"udp lost.example. A", "udp lost.example. A"},
		"strays.example":    {"udp strays.example. A"},
		"truncated.example": {"udp truncated.example. A", "tcp truncated.example. A"},
		"garbled.example":   {"udp garbled.example. A", "udp garbled.example. A"},
		"alias.example":     {"udp alias.example. A"},
		"handed.example":    {"udp handed.example. A", "udp middle.example. A"},
		"insecure.example":  {"udp insecure.example. A"},
		"second.example":    {"udp second.example. A"},
	} {
		before := len(server.Asked())
		found, err := r.LookupNetIP(t.Context(), "ip4", name)
		if err != nil || !slices.Contains(found, netip.MustParseAddr("127.0.0.1")) {
			t.Errorf("%s: %v, %v", name, found, err)
			continue
		}
		if asked := server.Asked()[before:]; !slices.Equal(asked, want) {
			t.Errorf("%s: asked %q, want %q", name, asked, want)
		}
	}
}

// TestResolverFailures holds every failure to what a source of keys makes of it: only what is certain may look certain.
func TestResolverFailures(t *testing.T) {
	server := startDNS(t)
	closed := labtest.Reserve(t)
	here := []string{"A 127.0.0.1"}
	for name, known := range map[string]lab.DNSName{
		"here.example":        {Records: here},
		"servfail.example":    {Records: here, Fault: lab.DNSServFail},
		"bogus.example":       {Records: here, Fault: lab.DNSBogus},
		"refused.example":     {Records: here, Fault: lab.DNSRefused},
		"silent.example":      {Records: here, Fault: lab.DNSSilent},
		"garbage.example":     {Records: here, Fault: lab.DNSGarbage},
		"other.example":       {Records: here, Fault: lab.DNSWrongQuestion},
		"mail.example":        {Records: []string{"MX 10 mail.example."}},
		"below.here2.example": {},
		"circle.example":      {Records: []string{"CNAME round.example."}},
		"round.example":       {Records: []string{"CNAME circle.example."}},
		"dangling.example":    {Records: []string{"CNAME nowhere.example."}},
	} {
		know(t, server, name, known)
	}
	for i := range 12 {
		know(t, server, fmt.Sprintf("chain%d.example", i), records(fmt.Sprintf("CNAME chain%d.example.", i+1)))
	}
	know(t, server, "chain12.example", records("A 127.0.0.1"))

	plain := newResolver(t, server.Addr, keys.ResolverOptions{Retry: impatient / 2})
	nobody := newResolver(t, closed, keys.ResolverOptions{})
	unverified := newResolver(t, "tls://"+server.TLSAddr, keys.ResolverOptions{})
	misnamed := newResolver(t, "tls://"+server.TLSAddr+"#other.example", keys.ResolverOptions{RootCAs: server.Roots})
	for _, tc := range []struct {
		name     string
		resolver *keys.Resolver
		kind     string
		text     string
	}{
		{"nowhere.example", plain, "not found", "no such host"},
		{"mail.example", plain, "not found", "no address"},
		{"here2.example", plain, "not found", "no address"},
		{"dangling.example", plain, "not found", "no such host"},
		{"servfail.example", plain, "temporary", "SERVFAIL"},
		{"bogus.example", plain, "temporary", "SERVFAIL (DNSSEC Bogus)"},
		{"refused.example", plain, "unknown", "REFUSED"},
		{"silent.example", plain, "time-out", "did not answer in time"},
		{"garbage.example", plain, "time-out", "did not answer in time"},
		{"other.example", plain, "time-out", "did not answer in time"},
		{"circle.example", plain, "unknown", "circles"},
		{"chain0.example", plain, "unknown", "more than 8"},
		{"here.example", nobody, "unknown", "refused"},
		{"here.example", unverified, "unknown", "certificate"},
		{"here.example", misnamed, "unknown", "certificate"},
		{"not a host", plain, "unknown", "not a host name"},
		{"a..example", plain, "unknown", "not a host name"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), impatient)
		if !strings.Contains(tc.kind, "time-out") {
			ctx = t.Context()
		}
		found, err := tc.resolver.LookupNetIP(ctx, "ip4", tc.name)
		cancel()
		if err == nil {
			t.Errorf("%s: %v", tc.name, found)
			continue
		}
		if kind := kindOf(err); kind != tc.kind || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: %s: %v, want %s: %s", tc.name, kind, err, tc.kind, tc.text)
		}
	}
}

// kindOf says how a host was not found, as [net.DNSError] tells it.
func kindOf(err error) string {
	var unresolved *net.DNSError
	switch {
	case !errors.As(err, &unresolved):
		return "other"
	case unresolved.IsNotFound:
		return "not found"
	case unresolved.IsTimeout:
		return "time-out"
	case unresolved.IsTemporary:
		return "temporary"
	}
	return "unknown"
}

func TestResolverEndsWithItsContext(t *testing.T) {
	server := startDNS(t)
	for name, address := range map[string]string{"udp.example": server.Addr, "tls.example": "tls://" + server.TLSAddr} {
		know(t, server, name, lab.DNSName{Fault: lab.DNSSilent})
		r := newResolver(t, address, keys.ResolverOptions{RootCAs: server.Roots, Retry: time.Hour})
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error, 1)
		go func() {
			_, err := r.LookupNetIP(ctx, "ip4", name)
			failed <- err
		}()
		if err := server.WaitAsked(t.Context(), name, "A"); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) || kindOf(err) != "unknown" {
			t.Errorf("%s: %v", address, err)
		}
	}
}
