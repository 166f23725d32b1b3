package keys

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	// udpSize is the largest answer that is asked for over UDP, in octets: more would be fragmented on some paths, and
	// fragments can be forged.
	udpSize = 1232
	// udpBuffer takes answers of resolvers that do not keep to that.
	udpBuffer = 4096
)

// exchange asks one question and returns the reply to it, whatever it says.
func (r *Resolver) exchange(ctx context.Context, name string, recordType uint16) (*dns.Msg, error) {
	if r.tls == nil {
		reply, err := r.askUDP(ctx, name, recordType)
		if err != nil || !reply.Truncated {
			return reply, err
		}
	}
	return r.askStream(ctx, newQuery(name, recordType))
}

// newQuery makes a question with a random ID that asks for DNSSEC (RFC 3225).
func newQuery(name string, recordType uint16) *dns.Msg {
	query := new(dns.Msg).SetQuestion(name, recordType)
	query.SetEdns0(udpSize, true)
	return query
}

// askUDP asks over UDP and, since packets get lost, once more.
func (r *Resolver) askUDP(ctx context.Context, name string, recordType uint16) (*dns.Msg, error) {
	patience := r.retry
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(deadline)/2)
	}
	first, cancel := context.WithTimeout(ctx, patience)
	reply, err := r.askUDPOnce(first, newQuery(name, recordType))
	cancel()
	if err == nil || ctx.Err() != nil {
		return reply, err
	}
	return r.askUDPOnce(ctx, newQuery(name, recordType))
}

// askUDPOnce waits for the reply to a query. What else comes in may be forged or late, and is passed over.
func (r *Resolver) askUDPOnce(ctx context.Context, query *dns.Msg) (*dns.Msg, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "udp", r.server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer endWith(ctx, conn)()
	packed, err := query.Pack()
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(packed); err != nil {
		return nil, orEnd(ctx, err)
	}
	buffer := make([]byte, udpBuffer)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return nil, orEnd(ctx, err)
		}
		if reply, err := parseReply(buffer[:n], query); err == nil {
			return reply, nil
		}
	}
}

// askStream asks over TCP or TLS.
func (r *Resolver) askStream(ctx context.Context, query *dns.Msg) (*dns.Msg, error) {
	conn, err := r.dialStream(ctx)
	if err != nil {
		return nil, orEnd(ctx, err)
	}
	defer conn.Close()
	defer endWith(ctx, conn)()
	framed := &dns.Conn{Conn: conn}
	if err := framed.WriteMsg(query); err != nil {
		return nil, orEnd(ctx, err)
	}
	packed, err := framed.ReadMsgHeader(nil)
	if err != nil {
		return nil, orEnd(ctx, err)
	}
	reply, err := parseReply(packed, query)
	if err == nil && reply.Truncated {
		err = errors.New("the resolver has cut its answer short")
	}
	return reply, err
}

func (r *Resolver) dialStream(ctx context.Context) (net.Conn, error) {
	if r.tls != nil {
		return (&tls.Dialer{Config: r.tls}).DialContext(ctx, "tcp", r.server)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", r.server)
}

// parseReply returns the reply to a query. Of one that is cut short (TC) no records are returned.
func parseReply(packed []byte, query *dns.Msg) (*dns.Msg, error) {
	reply := new(dns.Msg)
	err := reply.Unpack(packed)
	switch {
	case !reply.Response || reply.Id != query.Id:
		return nil, errors.New("the resolver sent something else than a reply")
	case len(reply.Question) != 1 || !sameQuestion(reply.Question[0], query.Question[0]):
		return nil, errors.New("the resolver answered another question")
	case reply.Truncated:
		reply.Answer, reply.Ns, reply.Extra = nil, nil, nil
		return reply, nil
	case err != nil:
		return nil, fmt.Errorf("the resolver's answer cannot be read: %w", err)
	}
	return reply, nil
}

func sameQuestion(a, b dns.Question) bool {
	return a.Qtype == b.Qtype && a.Qclass == b.Qclass && strings.EqualFold(a.Name, b.Name)
}

// endWith makes reading and writing fail when ctx ends, until the returned function is called.
func endWith(ctx context.Context, conn net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
}

// orEnd returns the reason why ctx has ended if it has, and err otherwise.
func orEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
