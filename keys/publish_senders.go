package keys

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
	"sealmilter/internal/store"
)

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
func (s *Senders) publications(ctx context.Context) ([]publication, []Unpublished, error) {
	rows, err := s.store.Senders(ctx)
	if err != nil {
		return nil, nil, err
	}
	var all []publication
	var not []Unpublished
	for _, row := range rows {
		p, err := s.publication(ctx, row)
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

func (s *Senders) publication(ctx context.Context, row store.Sender) (publication, error) {
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
	if cert, err = cert.For(addr); err != nil {
		return p, &publicationError{err}
	}
	return publication{addr: addr, cert: cert, hash: WKDHash(addr.Local())}, nil
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
