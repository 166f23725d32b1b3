package keys

import (
	"context"
	"errors"

	"github.com/miekg/dns"
)

// Probe asks the resolver for a name that exists and is signed for as long as the root of the DNS is (RFC 4033), and reports
// whether it says to have validated the answer, be it trusted to say so or not. An error means that no answer came, or
// none that can be used.
func (r *Resolver) Probe(ctx context.Context) (validates bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, longestQuery)
	defer cancel()
	const signed, called = ".", "the root"
	reply, err := r.exchange(ctx, signed, dns.TypeSOA)
	if err == nil {
		err = refusedBy(reply)
	}
	if err == nil && len(reply.Answer) == 0 {
		// systemd-resolved makes such an answer up while it reaches no server, and calls it authentic.
		err = errors.New("it knows nothing of the root zone, as if it reached no server")
	}
	if err != nil {
		return false, r.fail(called, err)
	}
	return reply.AuthenticatedData, nil
}
