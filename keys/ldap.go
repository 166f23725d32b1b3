package keys

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"

	"github.com/go-ldap/ldap/v3"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
)

// ldapName is the name of the LDAP source.
const ldapName = "ldap"

const (
	// maxLDAPEntries bounds the entries that one search may find. More are no answer.
	maxLDAPEntries = 16
	// maxLDAPValue bounds one value, which usually is one certificate, in octets.
	maxLDAPValue = 256 << 10
	// maxLDAPAnswer bounds all that the server sends in one search, in octets.
	maxLDAPAnswer = 2 << 20
)

// LDAPOptions say which directory to ask, and how.
type LDAPOptions struct {
	// URL is "ldaps://host[:port]" or "ldap://host[:port]", usually on port 636 or 389. Over ldap:// the connection
	// begins with StartTLS (RFC 4511, section 4.14) unless the server is on loopback.
	URL string
	// StartTLS asks for StartTLS on loopback, too.
	StartTLS bool
	// RootCAs verify the server's certificate; nil stands for those of the system.
	RootCAs *x509.CertPool
	// BindDN and Password log in (RFC 4513, section 5.1.3); "" for an anonymous search.
	BindDN, Password string
	// Base is the entry under which the search looks, such as "ou=PGP Keys,dc=example,dc=org".
	Base string
	// Filter finds the entries of an address, which takes the place of each %s (RFC 4515). "" stands for that of the
	// PGP key servers' usual schema.
	Filter string
	// FingerprintFilter does the same for a fingerprint in upper-case hexadecimal, whose key ID takes the place of each
	// %k. "" stands for that of the usual schema if Filter is "", too, and otherwise the directory cannot be asked by
	// fingerprint.
	FingerprintFilter string
	// Attribute holds certificates, armored or binary; "" stands for "pgpKey".
	Attribute string
	// Dial connects to the server; nil stands for [net.Dialer.DialContext].
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// LDAP is the source of certificates in a directory that the administrator trusts. It keeps idle connections and is
// safe for concurrent use. Referrals to other servers are not followed.
type LDAP struct {
	options LDAPOptions
	address string
	tls     *tls.Config
	direct  bool // TLS from the first octet

	mu     sync.Mutex
	idle   []*ldapConn
	closed bool
}

// NewLDAP returns the source for a directory. The error says which option is wrong; nothing is asked yet. The caller
// closes the source.
func NewLDAP(options LDAPOptions) (*LDAP, error) {
	l := &LDAP{options: options}
	server, err := url.Parse(options.URL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("LDAP URL: %w", err)
	case server.Scheme != "ldap" && server.Scheme != "ldaps":
		return nil, fmt.Errorf("LDAP URL %q: it must begin with ldaps:// or ldap://", server.Redacted())
	case server.Hostname() == "":
		return nil, fmt.Errorf("LDAP URL %q: it names no host", server.Redacted())
	case server.User != nil || strings.Trim(server.Path, "/") != "" || server.RawQuery != "" || server.Fragment != "":
		return nil, fmt.Errorf("LDAP URL %q: it must have nothing but a host and a port", server.Redacted())
	}
	l.direct = server.Scheme == "ldaps"
	port := server.Port()
	switch {
	case port == "" && l.direct:
		port = "636"
	case port == "":
		port = "389"
	}
	l.address = net.JoinHostPort(server.Hostname(), port)
	l.tls = &tls.Config{ServerName: server.Hostname(), RootCAs: options.RootCAs, MinVersion: tls.VersionTLS12}
	if options.Dial == nil {
		l.options.Dial = new(net.Dialer).DialContext
	}
	if dn, err := ldap.ParseDN(options.Base); err != nil || len(dn.RDNs) == 0 {
		return nil, fmt.Errorf("LDAP base %q: it must be a distinguished name, such as ou=PGP Keys,dc=example,dc=org", options.Base)
	}
	// A login without a password is an anonymous one that looks like a success (RFC 4513, section 6.3.1).
	if (options.BindDN == "") != (options.Password == "") {
		return nil, errors.New("LDAP login: it needs both a name and a password")
	}
	return l, l.settleFilters()
}

// settleFilters fills in the usual filters and attribute and checks the ones given.
func (l *LDAP) settleFilters() error {
	o := &l.options
	if o.Attribute == "" {
		o.Attribute = "pgpKey"
	}
	if o.Filter == "" {
		o.Filter = usualFilter
		if o.FingerprintFilter == "" {
			o.FingerprintFilter = usualFingerprintFilter
		}
	}
	const anyFingerprint = "0123456789ABCDEF0123456789ABCDEF01234567"
	if err := checkFilter(o.Filter, fillFilter(o.Filter, "alice@example.org")); err != nil || o.FingerprintFilter == "" {
		return err
	}
	return checkFilter(o.FingerprintFilter, fingerprintFilter(o.FingerprintFilter, anyFingerprint))
}

func checkFilter(filter, filled string) error {
	if filled == filter {
		return fmt.Errorf("LDAP filter %q: it has no %s for what is looked for", filter, placeholder)
	}
	if _, err := ldap.CompileFilter(filled); err != nil {
		return fmt.Errorf("LDAP filter %q: %w", filter, err)
	}
	return nil
}

// Name returns "ldap".
func (l *LDAP) Name() string { return ldapName }

// Lookup returns the certificates in the entries of an address. It returns [ErrNotFound] if the directory has no such
// entry, or none with a certificate. Everything else, such as a server that cannot be reached, a referral to another
// one, or values that cannot be read, means that it is unknown.
func (l *LDAP) Lookup(ctx context.Context, addr mail.Addr) ([]*crypto.Cert, error) {
	if addr.Domain() == "" {
		return nil, ErrNotFound
	}
	values, err := l.values(ctx, addressFilter(l.options.Filter, addr))
	if err != nil {
		return nil, err
	}
	var certs []*crypto.Cert
	var failures []error
	for _, value := range values {
		ring, err := crypto.ReadKeyring(bytes.NewReader(value))
		certs = append(certs, ring.Certs...)
		if err != nil {
			failures = append(failures, err)
		}
		for _, skipped := range ring.Skipped {
			failures = append(failures, skipped)
		}
	}
	switch {
	case len(certs) > 0:
		return certs, nil
	case len(failures) > 0:
		return nil, fmt.Errorf("what the LDAP server has for the address cannot be read: %w", errors.Join(failures...))
	}
	return nil, errors.New("what the LDAP server has for the address is no certificate")
}

// LookupFingerprint returns what the directory has of the certificate with a fingerprint, as it is stored there. The
// error wraps [errors.ErrUnsupported] if there is no filter for fingerprints.
func (l *LDAP) LookupFingerprint(ctx context.Context, fingerprint string) ([]byte, error) {
	switch {
	case !isFingerprint(fingerprint):
		return nil, fmt.Errorf("%q is not a fingerprint", fingerprint)
	case l.options.FingerprintFilter == "":
		return nil, fmt.Errorf("the LDAP directory has no filter for fingerprints: %w", errors.ErrUnsupported)
	}
	values, err := l.values(ctx, fingerprintFilter(l.options.FingerprintFilter, fingerprint))
	if err != nil {
		return nil, err
	}
	var found []byte
	unreadable := errors.New("what the LDAP server has for the fingerprint cannot be read")
	for _, value := range values {
		holds, readable := contents(value, fingerprint)
		if readable {
			unreadable = nil
		}
		// Armored and binary keys cannot stand in one keyring.
		if holds && (found == nil || isArmored(found) == isArmored(value)) {
			found = append(found, value...)
		}
	}
	switch {
	case found != nil:
		return found, nil
	case unreadable != nil:
		return nil, unreadable
	}
	return nil, fmt.Errorf("%w: the LDAP server has other certificates with the same key ID", ErrNotFound)
}

// contents says whether a value holds the certificate with a fingerprint, and whether it holds keys at all.
func contents(value []byte, fingerprint string) (holds, readable bool) {
	for key, err := range crypto.Keys(bytes.NewReader(value)) {
		var skipped *crypto.Skipped
		name := ""
		switch {
		case errors.As(err, &skipped):
			name = skipped.Fingerprint // one without User IDs, for instance
		case err != nil:
		case key.Cert != nil:
			name = key.Cert.Fingerprint()
		}
		holds, readable = holds || name == fingerprint, readable || name != ""
	}
	return holds, readable
}

func isArmored(value []byte) bool { return value[0]&0x80 == 0 }

// values returns all that the attribute holds in the entries that match a filter. There is at least one value, and
// none is empty.
func (l *LDAP) values(ctx context.Context, filter string) ([][]byte, error) {
	result, err := l.search(ctx, filter)
	if err != nil {
		return nil, fmt.Errorf("search the LDAP directory: %w", err)
	}
	var values [][]byte
	for _, entry := range result.Entries {
		for _, attribute := range entry.Attributes {
			// The server may add options, such as ";binary" (RFC 4512, section 2.5).
			name, _, _ := strings.Cut(attribute.Name, ";")
			wanted, _, _ := strings.Cut(l.options.Attribute, ";")
			if !strings.EqualFold(name, wanted) {
				continue
			}
			for _, value := range attribute.ByteValues {
				if len(value) > maxLDAPValue {
					return nil, fmt.Errorf("the LDAP server has a certificate with %d octets, more than %d", len(value), maxLDAPValue)
				}
				if len(value) > 0 {
					values = append(values, value)
				}
			}
		}
	}
	switch {
	case len(values) > 0:
		return values, nil
	case len(result.Referrals) > 0:
		return nil, errors.New("the LDAP server refers to another one, which is not asked: configure the one that has the keys")
	}
	return nil, fmt.Errorf("%w: the LDAP directory has no certificate", ErrNotFound)
}

// Close ends the idle connections, and the others when they are no longer in use.
func (l *LDAP) Close() error {
	l.mu.Lock()
	idle := l.idle
	l.idle, l.closed = nil, true
	l.mu.Unlock()
	for _, conn := range idle {
		conn.close()
	}
	return nil
}
