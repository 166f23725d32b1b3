package keys

import (
	"context"
	"fmt"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
)

// hkpGet asks for certificates in a form for programs.
const hkpGet = "/pks/lookup?op=get&options=mr"

// HKP is a key server with the HTTP Keyserver Protocol (draft-gallagher-openpgp-hkp, version 1 of the protocol), over
// HTTPS only. Anybody can put a certificate with any User ID on most of them, so what it has for an address proves
// nothing by itself. It is safe for concurrent use.
//
// It was chosen by the administrator, so its absence is a failure: only the status 404 means that there is no key.
type HKP struct {
	fetcher *Fetcher
	server  string
}

var _ FingerprintSource = (*HKP)(nil)

// NewHKP returns the key server with a URL such as "hkps://keyserver.ubuntu.com", which is the same with "https". The
// port is 443 if there is none.
func NewHKP(f *Fetcher, server string) (*HKP, error) {
	server, err := parseServer(server, "hkps")
	if err != nil {
		return nil, err
	}
	return &HKP{fetcher: f, server: server}, nil
}

// Name returns "hkp".
func (h *HKP) Name() string { return "hkp" }

// Lookup returns the certificates with an address. The server learns the address.
func (h *HKP) Lookup(ctx context.Context, addr mail.Addr) ([]*crypto.Cert, error) {
	if addr.Domain() == "" || addr.IsLiteral() {
		return nil, fmt.Errorf("%w: %q names no domain", ErrNotFound, addr)
	}
	certs, err := h.fetcher.fetchCerts(ctx, h.server+hkpGet+"&exact=on&search="+escapeQuery(addr.Key()))
	return certs, indefinite(err)
}

// LookupFingerprint returns what the server has of a certificate. The fingerprint may be one of version 4 or 6.
func (h *HKP) LookupFingerprint(ctx context.Context, fingerprint string) ([]byte, error) {
	if !isFingerprint(fingerprint) {
		return nil, fmt.Errorf("ask for a certificate: %.80q is not a fingerprint in upper-case hexadecimal", fingerprint)
	}
	ring, err := h.fetcher.fetchRing(ctx, h.server+hkpGet+"&search=0x"+fingerprint, fingerprint)
	return ring, indefinite(err)
}
