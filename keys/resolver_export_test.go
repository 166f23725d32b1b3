package keys

import (
	"context"

	"github.com/miekg/dns"
)

// ParseReply parses a reply to the question for a name and a type, and follows its CNAMEs.
func ParseReply(packed []byte, id uint16, name string, recordType uint16) (*dns.Msg, []dns.RR, string, int) {
	query := newQuery(name, recordType)
	query.Id = id
	reply, err := parseReply(packed, query)
	if err != nil {
		return nil, nil, "", 0
	}
	records, end, used := follow(reply.Answer, name, recordType, maxAliases)
	return reply, records, end, used
}

// Distrust makes a resolver on loopback look as if it were elsewhere.
func Distrust(r *Resolver) { r.loopback = false }

// Authentic asks for records and reports whether the answer is proven.
func Authentic(ctx context.Context, r *Resolver, name string, recordType uint16) (bool, error) {
	answer, err := r.query(ctx, name, recordType)
	return answer.authentic, err
}
