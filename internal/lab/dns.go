package lab

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"
)

// DNSServer stands for a recursive resolver that validates DNSSEC, on loopback, over UDP, TCP and TLS. It knows the
// names that it was told and nothing else, and misbehaves as it is told. Its methods are safe for concurrent use.
type DNSServer struct {
	// Addr is the address for UDP and TCP, TLSAddr that for DNS over TLS (RFC 7858), both "127.0.0.1:port".
	Addr, TLSAddr string
	// Roots verify the server's certificate, which is for [DNSServerName] and 127.0.0.1.
	Roots *x509.CertPool

	servers []*dns.Server
	running sync.WaitGroup

	mu    sync.Mutex
	names map[string]DNSName
	asked []string
}

// DNSServerName is the name in the certificate of every [DNSServer].
const DNSServerName = "resolver.lab.example"

// DNSName is what a [DNSServer] knows of one name.
type DNSName struct {
	// Records are type and data in the presentation format of zone files (RFC 1035, section 5.1), such as
	// "A 192.0.2.1" or "CNAME other.example.". A name without records of the type that is asked for has no data.
	Records []string
	// Insecure says that the name's zone is not signed, so that answers do not have the AD bit.
	Insecure bool
	// Fault is how answers go wrong; the zero value is not at all.
	Fault DNSFault
	// Times limits the fault to so many questions; 0 is all of them.
	Times int
	// Unresolved leaves the target of a CNAME record to the one who asks, as some forwarders do.
	Unresolved bool
}

// DNSFault is a way in which an answer goes wrong.
type DNSFault uint8

// The faults. All but DNSTruncated and DNSStrays are the same over every transport.
const (
	// DNSSound is no fault.
	DNSSound DNSFault = iota
	// DNSServFail is the answer SERVFAIL.
	DNSServFail
	// DNSBogus is SERVFAIL with the extended error "DNSSEC Bogus" (RFC 8914, section 4.7).
	DNSBogus
	// DNSRefused is the answer REFUSED.
	DNSRefused
	// DNSNoSuchName is the answer NXDOMAIN, whatever records there are.
	DNSNoSuchName
	// DNSReferral is the answer of a name server that resolves for nobody: no records, and nothing that says why.
	DNSReferral
	// DNSSilent is no answer.
	DNSSilent
	// DNSTruncated is an empty answer with the TC bit over UDP, and the right one otherwise.
	DNSTruncated
	// DNSWrongQuestion is an answer to another question.
	DNSWrongQuestion
	// DNSStrays is the right answer, which over UDP comes after one with another ID, one to another question and one
	// that is no DNS message.
	DNSStrays
	// DNSGarbage is an answer whose records cannot be parsed.
	DNSGarbage
)

// StartDNS starts a server that knows only that the root zone is signed. The caller closes it.
func StartDNS() (*DNSServer, error) {
	s := &DNSServer{names: map[string]DNSName{".": {Records: []string{rootSOA}}}}
	if err := s.start(); err != nil {
		return nil, fmt.Errorf("start a DNS server: %w", errors.Join(err, s.Close()))
	}
	return s, nil
}

const rootSOA = "SOA a.root.lab.example. hostmaster.lab.example. 1 1800 900 604800 86400"

func (s *DNSServer) start() error {
	certificate, roots, err := issueLoopback(DNSServerName)
	if err != nil {
		return err
	}
	s.Roots = roots
	packets, listener, err := listenBoth()
	if err != nil {
		return err
	}
	s.Addr = listener.Addr().String()
	s.serve(&dns.Server{PacketConn: packets, Handler: dns.HandlerFunc(s.answer)})
	s.serve(&dns.Server{Listener: listener, Handler: dns.HandlerFunc(s.answer)})
	encrypted, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{*certificate}})
	if err != nil {
		return err
	}
	s.TLSAddr = encrypted.Addr().String()
	s.serve(&dns.Server{Listener: encrypted, Handler: dns.HandlerFunc(s.answer)})
	return nil
}

// listenBoth listens on one free port number over UDP and TCP.
func listenBoth() (net.PacketConn, net.Listener, error) {
	const attempts = 20
	var failure error
	for range attempts {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, err
		}
		packets, err := net.ListenPacket("udp", listener.Addr().String())
		if err == nil {
			return packets, listener, nil
		}
		failure = errors.Join(err, listener.Close())
	}
	return nil, nil, failure
}

// serve runs a server and returns when it is ready, so that it can be shut down.
func (s *DNSServer) serve(server *dns.Server) {
	ready := make(chan struct{})
	server.NotifyStartedFunc = func() { close(ready) }
	s.servers = append(s.servers, server)
	s.running.Go(func() {
		server.ActivateAndServe() // its end is Close's doing
	})
	<-ready
}

// Set tells the server of a name, in the place of what it knew of it before.
func (s *DNSServer) Set(name string, known DNSName) error {
	owner := dns.CanonicalName(name)
	for _, record := range known.Records {
		if _, err := parseRecord(owner, record); err != nil {
			return fmt.Errorf("DNS record %q of %s: %w", record, name, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	known.Records = slices.Clone(known.Records)
	s.names[owner] = known
	return nil
}

// Asked returns the questions so far, in their order, as "udp name. TYPE", "tcp name. TYPE" or "tls name. TYPE".
func (s *DNSServer) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

// Count returns how often a name was asked for with a type, such as "A", over any transport.
func (s *DNSServer) Count(name, recordType string) int {
	count := 0
	for _, question := range s.Asked() {
		if strings.HasSuffix(question, " "+dns.CanonicalName(name)+" "+recordType) {
			count++
		}
	}
	return count
}

// WaitAsked waits until a name has been asked for with a type.
func (s *DNSServer) WaitAsked(ctx context.Context, name, recordType string) error {
	err := until(ctx, nil, func() (bool, error) { return s.Count(name, recordType) > 0, nil })
	if err != nil {
		return fmt.Errorf("wait until somebody asks for %s %s: %w", name, recordType, err)
	}
	return nil
}

// Close ends the server and its connections.
func (s *DNSServer) Close() error {
	var failures []error
	for _, server := range s.servers {
		failures = append(failures, server.Shutdown())
	}
	s.running.Wait()
	return errors.Join(failures...)
}

func parseRecord(owner, record string) (dns.RR, error) {
	const ttl = "300"
	rr, err := dns.NewRR(owner + " " + ttl + " IN " + record)
	if err == nil && rr == nil {
		err = errors.New("it is empty")
	}
	return rr, err
}
