package keys_test

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"sealmilter/internal/lab"
	"sealmilter/keys"
)

// serveZone serves a zone: for "name type" either records or the name of a response code. What is not in it does not
// exist.
func serveZone(t *testing.T, zone map[string]string) (addr string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	answer := func(w dns.ResponseWriter, query *dns.Msg) {
		reply := new(dns.Msg).SetReply(query)
		reply.RecursionAvailable = true // or the resolver looks for another server
		q := query.Question[0]
		text, known := zone[strings.ToLower(q.Name)+" "+dns.TypeToString[q.Qtype]]
		rcode, fails := dns.StringToRcode[text]
		switch {
		case !known:
			reply.Rcode = dns.RcodeNameError
		case fails:
			reply.Rcode = rcode
		default:
			record, err := dns.NewRR(q.Name + " 60 IN " + dns.TypeToString[q.Qtype] + " " + text)
			if err != nil {
				t.Error(err)
			}
			reply.Answer = append(reply.Answer, record)
		}
		w.WriteMsg(reply)
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(answer)}
	ended := make(chan error, 1)
	go func() { ended <- server.ActivateAndServe() }()
	t.Cleanup(func() {
		conn.Close()
		<-ended
	})
	return conn.LocalAddr().String()
}

// The real resolver tells "there is no such host" from "nobody knows".
func TestHostResolver(t *testing.T) {
	n := newInternet(t)
	web := startWeb(t, n.authority)
	server := serveZone(t, map[string]string{
		"good.example. A":         "127.0.0.1",
		"good.example. AAAA":      "NOERROR",
		"empty.example. A":        "NOERROR",
		"empty.example. AAAA":     "NOERROR",
		"failing.example. A":      "SERVFAIL",
		"failing.example. AAAA":   "SERVFAIL",
		"half.example. A":         "NOERROR",
		"half.example. AAAA":      "SERVFAIL",
		"otherhalf.example. A":    "SERVFAIL",
		"otherhalf.example. AAAA": "NOERROR",
		"known.example. A":        "127.0.0.1",
		"known.example. AAAA":     "SERVFAIL",
		"refused.example. A":      "127.0.0.2",
		"refused.example. AAAA":   "SERVFAIL",
		"private.example. A":      "10.0.0.1",
		"private.example. AAAA":   "SERVFAIL",
		"closed.example. A":       "REFUSED",
		"closed.example. AAAA":    "REFUSED",
	})
	resolver := &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, server)
		},
	}
	f := keys.NewFetcher(keys.FetcherOptions{
		Hosts: resolver, Connect: n.dial, Allow: onlyLoopback, RootCAs: n.authority.Pool(), Now: n.clock.Now,
	})
	t.Cleanup(f.CloseIdleConnections)
	for host, want := range map[string]string{
		"good.example":      "found",
		"known.example":     "found",
		"gone.example":      "no service",
		"empty.example":     "no service",
		"failing.example":   "unknown",
		"half.example":      "unknown",
		"otherhalf.example": "unknown",
		"refused.example":   "unknown",
		"private.example":   "unknown",
		"closed.example":    "unknown",
	} {
		web.Set(host, "", lab.Found(nil))
		_, err := f.Get(t.Context(), web.URL(host, "/"))
		if v := meaning(err); v != want {
			t.Errorf("%s: %s: %v", host, v, err)
		}
		if want == "unknown" && !strings.Contains(err.Error(), "could not be resolved") {
			t.Errorf("%s: %v", host, err)
		}
	}
}
