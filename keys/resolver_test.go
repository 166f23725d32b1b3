package keys_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"sealmilter/internal/lab"
	"sealmilter/keys"
)

// impatient is for tests in which the resolver keeps silent: nothing depends on how long it is.
const impatient = 300 * time.Millisecond

func startDNS(t *testing.T) *lab.DNSServer {
	t.Helper()
	server, err := lab.StartDNS()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server
}

func know(t *testing.T, server *lab.DNSServer, name string, known lab.DNSName) {
	t.Helper()
	if err := server.Set(name, known); err != nil {
		t.Fatal(err)
	}
}

func records(texts ...string) lab.DNSName { return lab.DNSName{Records: texts} }

func newResolver(t *testing.T, address string, options keys.ResolverOptions) *keys.Resolver {
	t.Helper()
	r, err := keys.NewResolver(address, options)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestResolverAddresses(t *testing.T) {
	for address, want := range map[string]struct {
		text    string
		trusted bool
	}{
		"127.0.0.1":                       {"127.0.0.1:53", true},
		"127.0.0.53:5353":                 {"127.0.0.53:5353", true},
		"::1":                             {"[::1]:53", true},
		"[::1]":                           {"[::1]:53", true},
		"[::ffff:127.0.0.1]:53":           {"[::ffff:127.0.0.1]:53", true},
		"192.0.2.1":                       {"192.0.2.1:53", false},
		"[fe80::1%eth0]:53":               {"[fe80::1%eth0]:53", false},
		"tls://192.0.2.1":                 {"tls://192.0.2.1:853", true},
		"tls://192.0.2.1:8853":            {"tls://192.0.2.1:8853", true},
		"tls://[2001:db8::1]#dns.example": {"tls://[2001:db8::1]:853", true},
		"tls://192.0.2.1#dns.example":     {"tls://192.0.2.1:853", true},
	} {
		r, err := keys.NewResolver(address, keys.ResolverOptions{})
		if err != nil || r.String() != want.text || r.Trusted() != want.trusted {
			t.Errorf("%s: %v, %v, want %+v", address, r, err, want)
		}
	}
	for _, address := range []string{"localhost:53", "dns.example", "tls://", "tls://dns.example", "tls://192.0.2.1#", "tls://192.0.2.1#a b",
		"192.0.2.1:0", "192.0.2.1:99999", "https://192.0.2.1", "192.0.2.1#dns.example", " "} {
		if r, err := keys.NewResolver(address, keys.ResolverOptions{}); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", address)) {
			t.Errorf("%q: %v, %v", address, r, err)
		}
	}
}

func TestResolverOfTheSystem(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resolv.conf")
	for text, want := range map[string]string{
		"search example.org\nnameserver 192.0.2.7\nnameserver 127.0.0.1\n": "192.0.2.7:53",
		"nameserver ::1\n":             "[::1]:53",
		"options edns0\n":              "has no nameserver",
		"nameserver dns.example.org\n": "not an IP address",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := keys.NewResolver("", keys.ResolverOptions{ResolvConf: file})
		if got := fmt.Sprint(r, err); !strings.Contains(got, want) {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if r, err := keys.NewResolver("", keys.ResolverOptions{ResolvConf: file + ".none"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the file: %v, %v", r, err)
	}
}

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
	closed, err := lab.ReservePort()
	if err != nil {
		t.Fatal(err)
	}
	defer closed.Close()
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
	nobody := newResolver(t, closed.Addr, keys.ResolverOptions{})
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

func TestResolverOverTLS(t *testing.T) {
	server := startDNS(t)
	know(t, server, "here.example", records("A 127.0.0.1"))
	for _, address := range []string{"tls://" + server.TLSAddr, "tls://" + server.TLSAddr + "#" + lab.DNSServerName} {
		r := newResolver(t, address, keys.ResolverOptions{RootCAs: server.Roots})
		if _, err := r.LookupNetIP(t.Context(), "ip4", "here.example"); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, question := range server.Asked() {
		if !strings.HasPrefix(question, "tls ") {
			t.Errorf("asked in the clear: %q", question)
		}
	}
	know(t, server, "other.example", lab.DNSName{Fault: lab.DNSWrongQuestion})
	know(t, server, "garbage.example", lab.DNSName{Fault: lab.DNSGarbage})
	r := newResolver(t, "tls://"+server.TLSAddr, keys.ResolverOptions{RootCAs: server.Roots})
	for name, want := range map[string]string{"other.example": "another question", "garbage.example": "cannot be read"} {
		if _, err := r.LookupNetIP(t.Context(), "ip4", name); kindOf(err) != "unknown" || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
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

func FuzzResolverReply(f *testing.F) {
	query := new(dns.Msg).SetQuestion("alias.example.", dns.TypeA)
	reply := new(dns.Msg).SetReply(query)
	for _, text := range []string{"alias.example. 300 IN CNAME b.example.", "b.example. 300 IN CNAME c.example.", "c.example. 300 IN A 192.0.2.1"} {
		rr, err := dns.NewRR(text)
		if err != nil {
			f.Fatal(err)
		}
		reply.Answer = append(reply.Answer, rr)
	}
	for _, truncated := range []bool{false, true} {
		reply.Truncated = truncated
		packed, err := reply.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed)
		f.Add(packed[:len(packed)-3])
	}
	f.Fuzz(func(t *testing.T, packed []byte) {
		if len(packed) < 2 {
			return
		}
		// The sender knows the ID that is waited for.
		id := uint16(packed[0])<<8 | uint16(packed[1])
		reply, records, end, used := keys.ParseReply(packed, id, "alias.example.", dns.TypeA)
		if reply == nil {
			return
		}
		if !reply.Response || reply.Id != id || reply.Truncated && len(reply.Answer) > 0 {
			t.Errorf("accepted %v", reply)
		}
		if used == 0 && end != "alias.example." || used > 9 || len(records) > 0 && used > 8 {
			t.Errorf("%d aliases to %q", used, end)
		}
		for _, rr := range records {
			if h := rr.Header(); h.Rrtype != dns.TypeA || h.Class != dns.ClassINET || dns.CanonicalName(h.Name) != end {
				t.Errorf("%v is not an address of %q", rr, end)
			}
		}
	})
}

func FuzzNewResolver(f *testing.F) {
	for _, s := range []string{"127.0.0.1", "[::1]:53", "tls://192.0.2.1:853#dns.example", "tls://fe80::1%eth0", "tls://#", "[[::1]]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, address string) {
		if address == "" {
			return
		}
		r, err := keys.NewResolver(address, keys.ResolverOptions{})
		if err != nil {
			return
		}
		server, encrypted := strings.CutPrefix(r.String(), "tls://")
		parsed, err := netip.ParseAddrPort(server)
		if err != nil || encrypted != strings.HasPrefix(address, "tls://") || r.Trusted() != (encrypted || parsed.Addr().Unmap().IsLoopback()) {
			t.Errorf("%q became %q, trusted %t", address, r, r.Trusted())
		}
	})
}
