package keys

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
)

// WKD is the source of certificates that the recipients' own domains serve, the OpenPGP Web Key Directory
// (draft-koch-openpgp-webkey-service). It is safe for concurrent use.
//
// A domain's directory is on the host "openpgpkey." and the domain (advanced method). Only if that host does not exist,
// it is on the host that is called like the domain (direct method): whatever else is wrong with the first, the second
// is not asked, or whoever breaks the one would be served by the other. Only the status 200 brings a certificate. It
// should be binary, but an armored one is taken.
type WKD struct {
	Fetcher *Fetcher
	// Port is the TCP port of every domain's directory; 0 is 443.
	Port uint16
}

var _ DomainSource = (*WKD)(nil)

// Name returns "wkd".
func (w *WKD) Name() string { return "wkd" }

// Lookup returns the certificates that the domain of addr serves for its local part. For address literals and
// mailboxes of this host there are none.
func (w *WKD) Lookup(ctx context.Context, addr mail.Addr) ([]*crypto.Cert, error) {
	if addr.Domain() == "" || addr.IsLiteral() {
		return nil, fmt.Errorf("%w: %q names no domain", ErrNotFound, addr)
	}
	file := "hu/" + WKDHash(addr.Local()) + "?l=" + escapeQuery(addr.Local())
	certs, err := w.Fetcher.fetchCerts(ctx, w.advanced(addr.Domain())+file)
	if noSuchHost(err) {
		certs, err = w.Fetcher.fetchCerts(ctx, w.direct(addr.Domain())+file)
	}
	return certs, err
}

// Announces reports whether the domain has the policy file that every directory must have (section 4.5 of the draft).
// A web page in its place, which many servers have for every path, is none.
func (w *WKD) Announces(ctx context.Context, domain string) (bool, error) {
	if domain == "" || strings.HasPrefix(domain, "[") {
		return false, nil
	}
	body, err := w.Fetcher.Get(ctx, w.advanced(domain)+"policy")
	if noSuchHost(err) {
		body, err = w.Fetcher.Get(ctx, w.direct(domain)+"policy")
	}
	switch {
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrNoService):
		return false, nil
	case err != nil:
		return false, err
	}
	return isPolicy(body), nil
}

func noSuchHost(err error) bool {
	var failure *FetchError
	return errors.As(err, &failure) && failure.noHost
}

func (w *WKD) advanced(domain string) string {
	return "https://" + w.authority("openpgpkey."+domain) + "/.well-known/openpgpkey/" + domain + "/"
}

func (w *WKD) direct(domain string) string {
	return "https://" + w.authority(domain) + "/.well-known/openpgpkey/"
}

// authority returns the host with its port, if it is not the usual one (RFC 3986, section 3.2).
func (w *WKD) authority(host string) string {
	if w.Port == 0 || w.Port == 443 {
		return host
	}
	return net.JoinHostPort(host, strconv.Itoa(int(w.Port)))
}
