package keys_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

var smimeNow = time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)

func x509For(t testing.TB, template x509.Certificate) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return labtest.NewX509(t, smimeNow, template, key)
}

func pemOf(certs ...*x509.Certificate) []byte {
	var b []byte
	for _, c := range certs {
		b = append(b, "subject of it\n"...)
		b = append(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return b
}

// oldStyle is a subject with an emailAddress.
func oldStyle(name, address string) pkix.Name {
	return pkix.Name{CommonName: name, ExtraNames: []pkix.AttributeTypeAndValue{{
		Type:  asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1},
		Value: asn1.RawValue{Tag: asn1.TagIA5String, Bytes: []byte(address)},
	}}}
}

// readSMIME makes a folder of the files and reads it. The reports are "FILE: PROBLEM".
func readSMIME(t *testing.T, files map[string][]byte) (s *keys.SMIME, reports []string) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := keys.ReadSMIME(dir, func(file string, problem error) {
		reports = append(reports, fmt.Sprintf("%s: %v", filepath.Base(file), problem))
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, reports
}

func valid(t *testing.T, s *keys.SMIME, address string) []*x509.Certificate {
	t.Helper()
	addr, err := mail.ParseAddr(address)
	if err != nil {
		t.Fatal(err)
	}
	return s.Valid(addr, smimeNow)
}

// TestSMIMEAddresses asks for whom a certificate is.
func TestSMIMEAddresses(t *testing.T) {
	named := x509For(t, x509.Certificate{Subject: oldStyle("carol@example.net", "old@example.net"),
		EmailAddresses: []string{"Bob@Example.NET", "robert@example.net"}})
	old := x509For(t, x509.Certificate{Subject: oldStyle("x", "dave@example.net")})
	common := x509For(t, x509.Certificate{Subject: pkix.Name{CommonName: "erin@example.net"}, DNSNames: []string{"erin@example.net"}})
	local := x509For(t, x509.Certificate{Subject: pkix.Name{CommonName: "root"}, EmailAddresses: []string{"root"}})
	authority := x509For(t, x509.Certificate{Subject: pkix.Name{CommonName: "An Authority"}, IsCA: true, BasicConstraintsValid: true})
	s, reports := readSMIME(t, map[string][]byte{"named.pem": pemOf(authority, named), "old.der": old.Raw, "common.crt": pemOf(common), "again.cer": named.Raw,
		"local":   local.Raw,
		".hidden": []byte("x")})
	for address, want := range map[string]*x509.Certificate{
		"bob@example.net": named, "BOB@example.net": named, "robert@example.net": named, "dave@example.net": old,
		"old@example.net": nil, "carol@example.net": nil, "erin@example.net": nil, "bob@example.com": nil, "bob+tag@example.net": nil,
	} {
		got := valid(t, s, address)
		if want == nil && len(got) > 0 || want != nil && (len(got) != 1 || !got[0].Equal(want)) {
			t.Errorf("%s has %d certificates", address, len(got))
		}
	}
	if len(reports) != 2 || !strings.Contains(reports[0], `common.crt: block 1: the certificate of "CN=erin@example.net" has no mail address`) {
		t.Errorf("%q", reports)
	}
	if certificates, addresses := s.Len(); certificates != 2 || addresses != 3 {
		t.Errorf("%d certificates, %d addresses", certificates, addresses)
	}
	if none := (*keys.SMIME)(nil); len(valid(t, none, "bob@example.net")) > 0 {
		t.Error("without a folder somebody is known")
	}
}

// TestSMIMEUsable asks whether anything can be encrypted to a certificate.
func TestSMIMEUsable(t *testing.T) {
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	to := []string{"bob@example.net"}
	for _, tc := range []struct {
		name     string
		cert     *x509.Certificate
		want     bool
		reported string
	}{
		{"any", x509For(t, x509.Certificate{EmailAddresses: to}), true, ""},
		{"for key agreement", x509For(t, x509.Certificate{EmailAddresses: to, KeyUsage: x509.KeyUsageKeyAgreement}), true, ""},
		{"for key encipherment and more", x509For(t, x509.Certificate{EmailAddresses: to,
			KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment}), true, ""},
		{"for signatures", x509For(t, x509.Certificate{EmailAddresses: to, KeyUsage: x509.KeyUsageDigitalSignature}), false, "key usage"},
		{"for mail", x509For(t, x509.Certificate{EmailAddresses: to,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageEmailProtection}}), true, ""},
		{"for servers", x509For(t, x509.Certificate{EmailAddresses: to, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}), false, "extended key usage"},
		{"for something else", x509For(t, x509.Certificate{EmailAddresses: to,
			UnknownExtKeyUsage: []asn1.ObjectIdentifier{{1, 2, 3}}}), false, "extended key usage"},
		{"expired", x509For(t, x509.Certificate{EmailAddresses: to, NotBefore: smimeNow.Add(-2 * time.Hour), NotAfter: smimeNow.Add(-time.Second)}), false, ""},
		{"not valid yet", x509For(t, x509.Certificate{EmailAddresses: to, NotBefore: smimeNow.Add(time.Second)}), false, ""},
		{"too short", labtest.NewX509(t, smimeNow, x509.Certificate{EmailAddresses: to}, short), false, "too short"},
	} {
		s, reports := readSMIME(t, map[string][]byte{"cert": tc.cert.Raw})
		if got := len(valid(t, s, "bob@example.net")) == 1; got != tc.want {
			t.Errorf("%s: %t", tc.name, got)
		}
		if (len(reports) > 0) != (tc.reported != "") || len(reports) > 0 && !strings.Contains(reports[0], tc.reported) {
			t.Errorf("%s: %q", tc.name, reports)
		}
	}
}

// TestSMIMEFolder has what does not belong into the folder. It is reported, and costs nobody else's certificate.
func TestSMIMEInvalid(t *testing.T) {
	now := smimeNow
	bob := x509For(t, x509.Certificate{EmailAddresses: []string{"bob@example.net"}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now})
	old := x509For(t, x509.Certificate{EmailAddresses: []string{"bob@example.net", "info@example.net"}, NotBefore: now.AddDate(-2, 0, 0), NotAfter: now.Add(-time.Second)})
	next := x509For(t, x509.Certificate{EmailAddresses: []string{"bob@example.net"}, NotBefore: now.Add(time.Second), NotAfter: now.AddDate(1, 0, 0)})
	s, _ := readSMIME(t, map[string][]byte{"all.pem": pemOf(next, bob, old)})
	if got := s.Invalid(now); !slices.EqualFunc(got, []*x509.Certificate{old, next}, (*x509.Certificate).Equal) {
		t.Errorf("%d certificates are not valid, want the old one and the next one", len(got))
	}
	if got := (*keys.SMIME)(nil).Invalid(now); got != nil {
		t.Error(got)
	}
}

func TestSMIMEFolder(t *testing.T) {
	bob := x509For(t, x509.Certificate{EmailAddresses: []string{"bob@example.net"}})
	broken := bytes.Replace(pemOf(bob), []byte("-----END CERTIFICATE-----"), []byte("-----END CERT-----"), 1)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	s, reports := readSMIME(t, map[string][]byte{
		"1-readme":    []byte("Put certificates here.\n"),
		"2-empty":     nil,
		"3-key.pem":   append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), pemOf(bob)...),
		"4-broken":    broken,
		"5-cut.der":   bob.Raw[:100],
		"6-more.der":  append(bytes.Clone(bob.Raw), "more"...),
		"7-large":     make([]byte, 5<<20),
		"8-block.pem": pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: []byte("x")}),
	})
	if len(valid(t, s, "bob@example.net")) != 1 {
		t.Error("bob's certificate is lost")
	}
	for i, want := range []string{"it is no certificate", "it is no certificate", "block 1: it is a private key", "a block of PEM that cannot be read",
		"it is no certificate", "it is no certificate", "it is larger than", `block 1: it is a "X509 CRL"`} {
		if !slices.ContainsFunc(reports, func(r string) bool { return strings.HasPrefix(r, fmt.Sprint(i+1)) && strings.Contains(r, want) }) {
			t.Errorf("no report %d that says %q: %q", i+1, want, reports)
		}
	}
	if len(reports) != 8 {
		t.Errorf("%q", reports)
	}
	missing := filepath.Join(t.TempDir(), "missing")
	if _, err := keys.ReadSMIME(missing, nil); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "set smime in [keys]") {
		t.Errorf("a missing folder: %v", err)
	}
	if s, err := keys.ReadSMIME("", nil); err != nil || len(valid(t, s, "bob@example.net")) > 0 {
		t.Errorf("no folder: %v", err)
	}
}
