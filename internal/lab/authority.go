package lab

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// Certificates of the lab are good at any time that a test's clock may show. Expired ones ended with the year 2000.
var (
	validFrom  = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)
	validUntil = time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC)
	expiredAt  = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Authority is a certification authority that nobody trusts unless told to. It is safe for concurrent use.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority makes an authority with a key of its own.
func NewAuthority() (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make an authority: %w", err)
	}
	template, err := newTemplate("lab authority", validUntil)
	if err != nil {
		return nil, fmt.Errorf("make an authority: %w", err)
	}
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("make an authority: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make an authority: %w", err)
	}
	return &Authority{certificate: certificate, key: key}, nil
}

// Issue returns a server certificate for host names and IP addresses.
func (a *Authority) Issue(names ...string) (*tls.Certificate, error) {
	return a.issue(validUntil, names)
}

// IssueExpired returns a server certificate whose time is over.
func (a *Authority) IssueExpired(names ...string) (*tls.Certificate, error) {
	return a.issue(expiredAt, names)
}

func (a *Authority) issue(until time.Time, names []string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("issue a certificate: %w", err)
	}
	template, err := newTemplate("lab server", until)
	if err != nil {
		return nil, fmt.Errorf("issue a certificate: %w", err)
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		return nil, fmt.Errorf("issue a certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

func newTemplate(name string, until time.Time) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    validFrom,
		NotAfter:     until,
	}, nil
}

// issueLoopback makes an authority of its own for a server on 127.0.0.1 that has a name, too, and returns the server's
// certificate with the pool that verifies it and nothing else.
func issueLoopback(name string) (*tls.Certificate, *x509.CertPool, error) {
	authority, err := NewAuthority()
	if err != nil {
		return nil, nil, err
	}
	certificate, err := authority.Issue(name, "127.0.0.1")
	return certificate, authority.Pool(), err
}

// Pool returns a new pool with this authority alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// PEM returns the authority's own certificate (RFC 7468, section 5).
func (a *Authority) PEM() []byte {
	var b bytes.Buffer
	pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw}) // a Buffer takes everything
	return b.Bytes()
}

// WritePEM writes the authority's own certificate to a file, for programs that are told whom to trust by a path.
func (a *Authority) WritePEM(path string) error {
	if err := os.WriteFile(path, a.PEM(), 0o644); err != nil {
		return fmt.Errorf("write the authority's certificate: %w", err)
	}
	return nil
}
