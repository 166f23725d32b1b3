package lab

import (
	"crypto/tls"
	"net"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// answer answers one question as the name's entry says.
func (s *DNSServer) answer(w dns.ResponseWriter, request *dns.Msg) {
	if len(request.Question) != 1 {
		return
	}
	question := request.Question[0]
	reply, fault := s.reply(transport(w), request)
	switch fault {
	case DNSSilent:
		return
	case DNSReferral:
		reply.RecursionAvailable, reply.AuthenticatedData, reply.Answer = false, false, nil
	case DNSTruncated:
		if overUDP(w) {
			reply.Truncated, reply.Answer = true, nil
		}
	case DNSWrongQuestion:
		reply.Question[0].Name = "other." + question.Name
	case DNSStrays:
		if overUDP(w) {
			sendStrays(w, reply)
		}
	case DNSGarbage:
		sendGarbage(w, reply)
		return
	}
	if size := udpSize(request); overUDP(w) && reply.Len() > size {
		reply.Truncate(size)
	}
	w.WriteMsg(reply) // a client that has gone is no concern of ours
}

// reply makes the answer from what is known of the names, and says what is to be wrong with it.
func (s *DNSServer) reply(transport string, request *dns.Msg) (*dns.Msg, DNSFault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	question := request.Question[0]
	name := dns.CanonicalName(question.Name)
	s.asked = append(s.asked, transport+" "+name+" "+dns.TypeToString[question.Qtype])

	reply := new(dns.Msg).SetReply(request)
	reply.RecursionAvailable = true
	reply.AuthenticatedData = true
	fault := s.strike(name)
	switch fault {
	case DNSServFail, DNSBogus:
		reply.Rcode = dns.RcodeServerFailure
	case DNSRefused:
		reply.Rcode = dns.RcodeRefused
	default:
		s.resolve(reply, name, question.Qtype)
	}
	if opt := request.IsEdns0(); opt != nil {
		reply.SetEdns0(dns.DefaultMsgSize, opt.Do())
		if fault == DNSBogus {
			own := reply.IsEdns0()
			own.Option = append(own.Option, &dns.EDNS0_EDE{InfoCode: dns.ExtendedErrorCodeDNSBogus, ExtraText: "made up by the lab"})
		}
	}
	if fault == DNSNoSuchName {
		reply.Rcode, reply.Answer = dns.RcodeNameError, nil
	}
	reply.AuthenticatedData = reply.AuthenticatedData && reply.Rcode != dns.RcodeServerFailure &&
		reply.Rcode != dns.RcodeRefused && wantsAD(request)
	return reply, fault
}

// strike returns the fault of a name and counts it.
func (s *DNSServer) strike(name string) DNSFault {
	known := s.names[name]
	fault := known.Fault
	if known.Times > 0 {
		if known.Times--; known.Times == 0 {
			known.Fault = DNSSound
		}
		s.names[name] = known
	}
	return fault
}

// resolve fills in records, by way of CNAMEs as far as a resolver goes.
func (s *DNSServer) resolve(reply *dns.Msg, name string, recordType uint16) {
	const longest = 16
	for range longest {
		known, exists := s.names[name]
		reply.AuthenticatedData = reply.AuthenticatedData && !known.Insecure
		if !exists && !s.isEmptyNonTerminal(name) {
			reply.Rcode = dns.RcodeNameError
			return
		}
		target := ""
		for _, record := range known.Records {
			rr, err := parseRecord(name, record)
			if err != nil {
				continue // Set has parsed it
			}
			if cname, isCNAME := rr.(*dns.CNAME); isCNAME {
				target = dns.CanonicalName(cname.Target)
			}
			if rr.Header().Rrtype == recordType || rr.Header().Rrtype == dns.TypeCNAME {
				reply.Answer = append(reply.Answer, rr)
			}
		}
		if target == "" || known.Unresolved {
			return
		}
		name = target
	}
}

// isEmptyNonTerminal reports whether the name exists because there is one below it (RFC 8020, section 2).
func (s *DNSServer) isEmptyNonTerminal(name string) bool {
	for other := range s.names {
		if strings.HasSuffix(other, "."+name) {
			return true
		}
	}
	return false
}

// sendStrays sends what a client has to pass over.
func sendStrays(w dns.ResponseWriter, reply *dns.Msg) {
	otherID := reply.Copy()
	otherID.Id++
	otherID.Rcode, otherID.Answer = dns.RcodeNameError, nil
	otherQuestion := reply.Copy()
	otherQuestion.Question[0].Name = "stray." + reply.Question[0].Name
	otherQuestion.Rcode, otherQuestion.Answer = dns.RcodeNameError, nil
	w.WriteMsg(otherID)
	w.WriteMsg(otherQuestion)
	w.Write([]byte("this is no DNS message"))
}

// sendGarbage sends a message that announces more records than it has, the first of them cut short.
func sendGarbage(w dns.ResponseWriter, reply *dns.Msg) {
	reply.Extra = nil
	packed, err := reply.Pack()
	if err != nil {
		return
	}
	const answerCount = 7 // offset of the low octet
	packed[answerCount] += 3
	w.Write(append(slices.Clone(packed), 0xc0, 0x0c, 0x00))
}

func transport(w dns.ResponseWriter) string {
	if state, ok := w.(dns.ConnectionStater); ok && state.ConnectionState() != (*tls.ConnectionState)(nil) {
		return "tls"
	}
	if overUDP(w) {
		return "udp"
	}
	return "tcp"
}

func overUDP(w dns.ResponseWriter) bool {
	_, udp := w.RemoteAddr().(*net.UDPAddr)
	return udp
}

func udpSize(request *dns.Msg) int {
	if opt := request.IsEdns0(); opt != nil {
		return max(dns.MinMsgSize, int(opt.UDPSize()))
	}
	return dns.MinMsgSize
}

// wantsAD reports whether the client asks for the AD bit (RFC 6840, section 5.7).
func wantsAD(request *dns.Msg) bool {
	opt := request.IsEdns0()
	return request.AuthenticatedData || opt != nil && opt.Do()
}
