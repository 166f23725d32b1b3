package keys

import (
	"context"
	"fmt"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
)

// VKS is a verifying key server, one with the interface of keys.openpgp.org. It gives out User IDs whose owners have
// agreed by mail, so it can be asked by address; certificates that nobody has verified it gives by fingerprint, without
// User IDs. It is safe for concurrent use.
//
// It was chosen by the administrator, so its absence is a failure: only the status 404 means that there is no key.
type VKS struct {
	fetcher *Fetcher
	server  string
}

var _ FingerprintSource = (*VKS)(nil)

// NewVKS returns the key server with a URL, which may have a path.
func NewVKS(f *Fetcher, server string) (*VKS, error) {
	server, err := parseServer(server)
	if err != nil {
		return nil, err
	}
	return &VKS{fetcher: f, server: server}, nil
}

// Name returns "vks".
func (v *VKS) Name() string { return "vks" }

// Lookup returns the certificate whose owner has verified the address. The server learns the address.
func (v *VKS) Lookup(ctx context.Context, addr mail.Addr) ([]*crypto.Cert, error) {
	if addr.Domain() == "" || addr.IsLiteral() {
		return nil, fmt.Errorf("%w: %q names no domain", ErrNotFound, addr)
	}
	certs, err := v.fetcher.fetchCerts(ctx, v.server+"/vks/v1/by-email/"+escapeQuery(addr.Key()))
	return certs, indefinite(err)
}

// LookupFingerprint returns what the server has of a certificate. The fingerprint may be one of version 4 or 6.
func (v *VKS) LookupFingerprint(ctx context.Context, fingerprint string) ([]byte, error) {
	if !isFingerprint(fingerprint) {
		return nil, fmt.Errorf("ask for a certificate: %.80q is not a fingerprint in upper-case hexadecimal", fingerprint)
	}
	ring, err := v.fetcher.fetchRing(ctx, v.server+"/vks/v1/by-fingerprint/"+fingerprint, fingerprint)
	return ring, indefinite(err)
}
