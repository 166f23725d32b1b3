package cms_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"sealmilter/crypto/cms"
	"sealmilter/internal/lab/labtest"
)

var now = time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)

// people own certificates: bob and carol with RSA, dave and erin with curves.
type people struct{ bob, carol, dave, erin *x509.Certificate }

func newPeople(t testing.TB) people {
	t.Helper()
	byRSA := func(name string) *x509.Certificate {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		return labtest.NewX509(t, now, x509.Certificate{Subject: pkix.Name{CommonName: name}, SubjectKeyId: []byte(name + "'s key")}, key)
	}
	byCurve := func(name string, curve elliptic.Curve) *x509.Certificate {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return labtest.NewX509(t, now, x509.Certificate{Subject: pkix.Name{CommonName: name}, SubjectKeyId: []byte(name + "'s key")}, key)
	}
	return people{byRSA("bob"), byRSA("carol"), byCurve("dave", elliptic.P256()), byCurve("erin", elliptic.P384())}
}

func (p people) all() []*x509.Certificate { return []*x509.Certificate{p.bob, p.carol, p.dave, p.erin} }

// TestOpenSSL has messages as OpenSSL makes them.
func TestOpenSSL(t *testing.T) {
	p := newPeople(t)
	short, long := []byte("hello\r\n"), bytes.Repeat([]byte("hello "), 100_000)
	for _, tc := range []struct {
		name  string
		input []byte
		to    []*x509.Certificate
		args  []string
	}{
		{"one recipient", short, []*x509.Certificate{p.bob}, []string{"-aes256"}},
		{"nothing", nil, []*x509.Certificate{p.bob}, []string{"-aes128"}},
		{"Triple-DES", short, []*x509.Certificate{p.carol}, []string{"-des3"}},
		{"Camellia", short, []*x509.Certificate{p.carol}, []string{"-camellia256"}},
		{"GCM", short, []*x509.Certificate{p.bob}, []string{"-aes-256-gcm"}},
		{"GCM, in pieces", long, []*x509.Certificate{p.bob, p.dave}, []string{"-aes-128-gcm", "-stream"}},
		{"in pieces", long, p.all(), []string{"-aes192", "-stream"}},
		{"long", long, p.all(), []string{"-aes256"}},
		{"by key identifiers", short, p.all(), []string{"-aes256", "-keyid"}},
		{"by key identifiers, in pieces", long, []*x509.Certificate{p.erin}, []string{"-aes256", "-keyid", "-stream"}},
		{"OAEP", short, []*x509.Certificate{p.bob}, []string{"-aes256", "-keyopt", "rsa_padding_mode:oaep"}},
	} {
		message := labtest.Encipher(t, tc.input, tc.to, append([]string{"-outform", "DER"}, tc.args...)...)
		e, err := cms.ReadEnveloped(message)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		for _, c := range p.all() {
			if want := slices.Contains(tc.to, c); e.For(c) != want {
				t.Errorf("%s: for %s %t", tc.name, c.Subject.CommonName, !want)
			}
		}
		if len(e.Recipients) != len(tc.to) {
			t.Errorf("%s: %d recipients, not %d", tc.name, len(e.Recipients), len(tc.to))
		}
		checkEveryCut(t, tc.name, message)
	}
}

// checkEveryCut cuts a message everywhere in its structure, and adds to its end.
func checkEveryCut(t *testing.T, name string, message []byte) {
	t.Helper()
	for n := range min(len(message), 2000) {
		if _, err := cms.ReadEnveloped(message[:n]); !errors.Is(err, cms.ErrNotEnveloped) {
			t.Fatalf("%s, %d octets: %v", name, n, err)
		}
	}
	for n := range 100 {
		if _, err := cms.ReadEnveloped(message[:len(message)-n-1]); err == nil {
			t.Fatalf("%s without the last %d octets is taken", name, n+1)
		}
	}
	for _, more := range []string{"\x00", "\x00\x00", "\r\n", "secret", string(message)} {
		if _, err := cms.ReadEnveloped(append(bytes.Clone(message), more...)); err == nil {
			t.Fatalf("%s with %d octets more is taken", name, len(more))
		}
	}
}

// TestRefuses has what is not encrypted, or not for the owners of certificates alone.
func TestRefuses(t *testing.T) {
	p := newPeople(t)
	text := []byte("the secret text\r\n")
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	signer := labtest.NewX509(t, now, x509.Certificate{Subject: pkix.Name{CommonName: "signer"}}, key)
	signing := []string{"cms", "-sign", "-signer", writePEM(t, signer), "-inkey", writeKey(t, key), "-nodetach", "-outform", "DER"}
	for _, tc := range []struct {
		name    string
		message []byte
		text    string
	}{
		{"nothing", nil, "it ends in the middle"},
		{"words", text, "in the place of another"},
		{"signed", labtest.OpenSSL(t, text, signing...), "it is of another type"},
		{"signed, in pieces", labtest.OpenSSL(t, text, append(signing, "-stream")...), "it is of another type"},
		{"data", labtest.OpenSSL(t, text, "cms", "-data_create", "-outform", "DER"), "it is of another type"},
		{"a digest", labtest.OpenSSL(t, text, "cms", "-digest_create", "-outform", "DER"), "it is of another type"},
		{"by a shared key alone", labtest.OpenSSL(t, text, "cms", "-EncryptedData_encrypt", "-aes128",
			"-secretkey", "000102030405060708090a0b0c0d0e0f", "-outform", "DER"), "it is of another type"},
		{"by a password, too", labtest.Encipher(t, text, []*x509.Certificate{p.bob}, "-aes128", "-pwri_password", "x", "-outform", "DER"),
			"without the key of a certificate"},
		{"by a shared key, too", labtest.Encipher(t, text, []*x509.Certificate{p.bob}, "-aes128",
			"-secretkey", "000102030405060708090a0b0c0d0e0f", "-secretkeyid", "C0FEE0", "-outform", "DER"), "without the key of a certificate"},
		{"a certificate", p.bob.Raw, "in the place of another"},
		{"PEM", labtest.Encipher(t, text, []*x509.Certificate{p.bob}, "-aes128", "-outform", "PEM"), "in the place of another"},
	} {
		if _, err := cms.ReadEnveloped(tc.message); !errors.Is(err, cms.ErrNotEnveloped) || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.text)
		}
	}
}
