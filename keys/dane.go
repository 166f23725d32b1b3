package keys

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/miekg/dns"
	"golang.org/x/text/unicode/norm"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
)

// daneName is the name of the DANE source.
const daneName = "dane"

// DANE is the source of certificates that recipients' domains publish in DNS (RFC 7929). What it says rests on DNSSEC
// alone: answers without proof are no answers. It is safe for concurrent use.
type DANE struct {
	resolver  *Resolver
	validates atomic.Bool // seen of the resolver
}

// NewDANE returns the source that asks a resolver. If the resolver is not trusted, every answer is unknown.
func NewDANE(r *Resolver) *DANE { return &DANE{resolver: r} }

// Name returns "dane".
func (d *DANE) Name() string { return daneName }

// Lookup returns the certificates in the OPENPGPKEY records of an address: with the local part as it is written and,
// if there are none, with its letters in lower case (RFC 7929, section 3, leaves that to the one who asks). It returns
// [ErrNotFound] if the domain's zone proves that there is no record, and [ErrNoService] if the zone is not signed.
// SERVFAIL, which is also what a forged answer ends in, means that it is unknown.
func (d *DANE) Lookup(ctx context.Context, addr mail.Addr) ([]*crypto.Cert, error) {
	if addr.Domain() == "" || addr.IsLiteral() {
		return nil, ErrNotFound
	}
	outcome := ErrNoService
	for _, local := range localForms(addr.Local()) {
		certs, err := d.certificates(ctx, daneOwner(local, addr.Domain()))
		switch {
		case err == nil:
			return certs, nil
		case errors.Is(err, ErrNotFound):
			outcome = err
		case !errors.Is(err, ErrNoService):
			return nil, err
		case !errors.Is(outcome, ErrNotFound):
			outcome = err
		}
	}
	return nil, outcome
}

// Announces reports whether the domain has the name under which OPENPGPKEY records lie, in a signed zone.
func (d *DANE) Announces(ctx context.Context, domain string) (bool, error) {
	answer, err := d.ask(ctx, daneLabel+"."+domain)
	if errors.Is(err, ErrNoService) {
		return false, nil
	}
	return err == nil && answer.exists, err
}

// certificates returns what is published at an owner name.
func (d *DANE) certificates(ctx context.Context, owner string) ([]*crypto.Cert, error) {
	answer, err := d.ask(ctx, owner)
	switch {
	case err != nil:
		return nil, err
	case len(answer.records) == 0:
		return nil, fmt.Errorf("%w: the domain has no OPENPGPKEY record for it", ErrNotFound)
	}
	var certs []*crypto.Cert
	var failures []error
	for _, rr := range answer.records {
		cert, err := parseOpenPGPKey(rr)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, fmt.Errorf("the domain's OPENPGPKEY record cannot be read: %w", errors.Join(failures...))
	}
	return certs, nil
}

// ask returns an authentic answer about OPENPGPKEY records. It returns [ErrNoService] if the zone is not signed.
func (d *DANE) ask(ctx context.Context, owner string) (dnsAnswer, error) {
	if !d.resolver.Trusted() {
		return dnsAnswer{}, fmt.Errorf("the resolver %s is reached over the network without TLS, so anybody in between can forge its word on "+
			"DNSSEC: configure a validating resolver on this host (127.0.0.1) or one over TLS (tls://IP#name)", d.resolver)
	}
	if _, valid := dns.IsDomainName(owner); !valid {
		return dnsAnswer{}, fmt.Errorf("%w: the domain is too long to have OPENPGPKEY records", ErrNoService)
	}
	answer, err := d.resolver.query(ctx, owner, dns.TypeOPENPGPKEY)
	switch {
	case err != nil:
		return dnsAnswer{}, fmt.Errorf("ask for OPENPGPKEY records: %w", err)
	case answer.authentic:
		return answer, nil
	}
	if err := d.checkResolver(ctx); err != nil {
		return dnsAnswer{}, err
	}
	return dnsAnswer{}, fmt.Errorf("%w: the domain's zone is not signed with DNSSEC", ErrNoService)
}

// checkResolver makes sure that the resolver validates at all, which the root zone shows: to one that does not, every
// zone looks unsigned, and every key would seem not to exist.
func (d *DANE) checkResolver(ctx context.Context) error {
	if d.validates.Load() {
		return nil
	}
	root, err := d.resolver.query(ctx, ".", dns.TypeSOA)
	switch {
	case err != nil:
		return fmt.Errorf("ask whether the resolver validates DNSSEC: %w", err)
	case len(root.records) == 0:
		// systemd-resolved makes such an answer up while it reaches no server, and calls it authentic.
		return fmt.Errorf("ask whether the resolver validates DNSSEC: %s knows nothing of the root zone", d.resolver)
	case !root.authentic:
		return fmt.Errorf("the resolver %s does not validate DNSSEC, not even the root zone: switch validation on there, or configure another",
			d.resolver)
	}
	d.validates.Store(true)
	return nil
}

// parseOpenPGPKey returns the certificate of a record (RFC 7929, section 2.1).
func parseOpenPGPKey(rr dns.RR) (*crypto.Cert, error) {
	record, ok := rr.(*dns.OPENPGPKEY)
	if !ok {
		return nil, fmt.Errorf("it has the type %s", dns.TypeToString[rr.Header().Rrtype])
	}
	data, err := base64.StdEncoding.DecodeString(record.PublicKey)
	if err != nil {
		return nil, err
	}
	return crypto.ParseCert(data)
}

// localForms returns the forms of a local part that a domain may have published.
func localForms(local string) []string {
	given := norm.NFC.String(local)
	lower := norm.NFC.String(strings.ToLower(local))
	if lower == given {
		return []string{given}
	}
	return []string{given, lower}
}
