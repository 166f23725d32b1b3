package keys_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
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

// TestUntrustedResolverProvesNothing has a resolver set the AD bit that is no longer trusted.
func TestUntrustedResolverProvesNothing(t *testing.T) {
	server := startDNS(t)
	know(t, server, "here.example", records("A 127.0.0.1"))
	r := newResolver(t, server.Addr, keys.ResolverOptions{})
	for _, want := range []bool{true, false} {
		if authentic, err := keys.Authentic(t.Context(), r, "here.example", dns.TypeA); authentic != want || err != nil {
			t.Errorf("authentic %t, %v, want %t", authentic, err, want)
		}
		keys.Distrust(r)
	}
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
