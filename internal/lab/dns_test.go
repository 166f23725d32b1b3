package lab_test

import (
	"crypto/tls"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"sealmilter/internal/lab"
)

// TestDNSServer asks over the three transports with the client of the DNS library.
func TestDNSServer(t *testing.T) {
	server, err := lab.StartDNS()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	set := func(name string, known lab.DNSName) {
		t.Helper()
		if err := server.Set(name, known); err != nil {
			t.Fatal(err)
		}
	}
	set("a.example", lab.DNSName{Records: []string{"A 192.0.2.1", `TXT "` + strings.Repeat("x", 250) + `"`}})
	set("alias.example", lab.DNSName{Records: []string{"CNAME A.example."}})
	set("insecure.example", lab.DNSName{Records: []string{"CNAME a.example."}, Insecure: true})
	set("once.example", lab.DNSName{Records: []string{"A 192.0.2.1"}, Fault: lab.DNSRefused, Times: 1})
	set("cut.example", lab.DNSName{Records: []string{"A 192.0.2.1"}, Fault: lab.DNSTruncated})
	var long []string
	for range 9 {
		long = append(long, `TXT "`+strings.Repeat("x", 200)+`"`, `TXT "`+strings.Repeat("y", 200)+`"`)
	}
	set("long.example", lab.DNSName{Records: long})
	if err := server.Set("b.example", lab.DNSName{Records: []string{"A here"}}); err == nil {
		t.Error("a record that cannot be parsed was taken")
	}

	plain := map[string]string{"udp": server.Addr, "tcp": server.Addr, "tcp-tls": server.TLSAddr}
	for _, tc := range []struct {
		transport, name string
		recordType      uint16
		want            string // response code, answers, flags
	}{
		{"udp", "a.example.", dns.TypeA, "NOERROR 1 ad"},
		{"tcp", "A.Example.", dns.TypeTXT, "NOERROR 1 ad"},
		{"tcp-tls", "a.example.", dns.TypeA, "NOERROR 1 ad"},
		{"udp", "a.example.", dns.TypeAAAA, "NOERROR 0 ad"},
		{"udp", "example.", dns.TypeA, "NOERROR 0 ad"},
		{"udp", "none.example.", dns.TypeA, "NXDOMAIN 0 ad"},
		{"udp", "alias.example.", dns.TypeA, "NOERROR 2 ad"},
		{"udp", "insecure.example.", dns.TypeA, "NOERROR 2"},
		{"udp", "once.example.", dns.TypeA, "REFUSED 0"},
		{"udp", "once.example.", dns.TypeA, "NOERROR 1 ad"},
		{"udp", "cut.example.", dns.TypeA, "NOERROR 0 ad tc"},
		{"tcp", "cut.example.", dns.TypeA, "NOERROR 1 ad"},
		{"tcp", "long.example.", dns.TypeTXT, "NOERROR 18 ad"},
		{"udp", ".", dns.TypeSOA, "NOERROR 1 ad"},
	} {
		query := new(dns.Msg).SetQuestion(tc.name, tc.recordType)
		query.SetEdns0(1232, true)
		client := &dns.Client{Net: tc.transport, TLSConfig: &tls.Config{RootCAs: server.Roots, ServerName: lab.DNSServerName}}
		reply, _, err := client.ExchangeContext(bounded(t), query, plain[tc.transport])
		if err != nil {
			t.Errorf("%s over %s: %v", tc.name, tc.transport, err)
			continue
		}
		if got := summary(reply); got != tc.want {
			t.Errorf("%s over %s: %s, want %s", tc.name, tc.transport, got, tc.want)
		}
	}
	if asked := server.Asked(); asked[0] != "udp a.example. A" || !slices.Contains(asked, "tls a.example. A") || server.Count("once.example", "A") != 2 {
		t.Errorf("asked %q", asked)
	}
	query := new(dns.Msg).SetQuestion("long.example.", dns.TypeTXT)
	query.SetEdns0(1232, true)
	if reply, _, err := new(dns.Client).ExchangeContext(bounded(t), query, server.Addr); err != nil || !reply.Truncated || reply.Len() > 1232 {
		t.Errorf("a long answer over UDP: %v, %v", reply, err)
	}
}

func summary(reply *dns.Msg) string {
	words := []string{dns.RcodeToString[reply.Rcode], strconv.Itoa(len(reply.Answer))}
	if reply.AuthenticatedData {
		words = append(words, "ad")
	}
	if reply.Truncated {
		words = append(words, "tc")
	}
	return strings.Join(words, " ")
}
