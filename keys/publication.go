package keys

import (
	"context"
	"crypto/sha1"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
	"sealmilter/internal/store"
)

// Reduce returns a copy of a certificate that names no other address than the one given, or an error if it does not
// name that one.
type Reduce func(cert *crypto.Cert, addr mail.Addr) (*crypto.Cert, error)

// Unpublished is a sender whose certificate is not published.
type Unpublished struct {
	Address string
	Err     error
}

// publication is the certificate of a sender as strangers may have it. A revoked or expired one is published, too:
// that is how others learn of it.
type publication struct {
	addr mail.Addr
	cert *crypto.Cert // reduced to addr
	hash string       // of the local part, for WKD
}

// publications returns what may be known of the senders' certificates, ordered by address.
func (s *Senders) publications(ctx context.Context, reduce Reduce) ([]publication, []Unpublished, error) {
	rows, err := s.store.Senders(ctx)
	if err != nil {
		return nil, nil, err
	}
	var all []publication
	var not []Unpublished
	for _, row := range rows {
		p, err := s.publication(ctx, row, reduce)
		var broken *publicationError
		switch {
		case errors.As(err, &broken):
			not = append(not, Unpublished{row.Address, broken.err})
		case err != nil:
			return nil, nil, err
		default:
			all = append(all, p)
		}
	}
	return all, not, nil
}

// publicationError is about one sender, not about the store.
type publicationError struct{ err error }

func (e *publicationError) Error() string { return e.err.Error() }

func (s *Senders) publication(ctx context.Context, row store.Sender, reduce Reduce) (publication, error) {
	var p publication
	addr, err := mail.ParsePath(row.Address)
	if err == nil {
		err = publishable(addr)
	}
	if err != nil {
		return p, &publicationError{err}
	}
	stored, err := s.store.Certificate(ctx, row.Fingerprint)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return p, &publicationError{fmt.Errorf("the certificate %s is not in the store; import it again", row.Fingerprint)}
	case err != nil:
		return p, err
	}
	cert, err := parseStored(stored)
	if err != nil {
		return p, &publicationError{err}
	}
	// The User ID may be in another case than the address, and DANE minds the case.
	for _, named := range cert.Addrs() {
		if named.Key() == addr.Key() {
			addr = named
			break
		}
	}
	if cert, err = reduce(cert, addr); err != nil {
		return p, &publicationError{err}
	}
	return publication{addr: addr, cert: cert, hash: webKeyHash(addr.Local())}, nil
}

// publishable refuses addresses whose domain has no DNS name.
func publishable(addr mail.Addr) error {
	const hostName = "abcdefghijklmnopqrstuvwxyz0123456789.-_"
	switch {
	case addr.Domain() == "":
		return errors.New("an address without a domain is known to this host only")
	case addr.IsLiteral():
		return errors.New("keys are not published for address literals")
	case strings.Trim(addr.Domain(), hostName) != "" || strings.HasPrefix(addr.Domain(), "."):
		return fmt.Errorf("%q is not the name of a host", addr.Domain())
	}
	return nil
}

// zBase32 is the alphabet of human-oriented base-32 (RFC 6189, section 5.1.6).
const zBase32 = "ybndrfg8ejkmcpqxot1uwisza345h769"

// webKeyHash is the name of a local part in a Web Key Directory (draft-koch-openpgp-webkey-service, section 3.1).
func webKeyHash(local string) string {
	lower := strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + ('a' - 'A')
		}
		return r
	}, local)
	sum := sha1.Sum([]byte(lower))
	return base32.NewEncoding(zBase32).EncodeToString(sum[:])
}
