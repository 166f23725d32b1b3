package cms_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sealmilter/crypto/cms"
	"sealmilter/internal/lab/labtest"
)

func writePEM(t testing.TB, c *x509.Certificate) string {
	t.Helper()
	return write(t, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func writeKey(t testing.TB, key *rsa.PrivateKey) string {
	t.Helper()
	return write(t, &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
}

func write(t testing.TB, block *pem.Block) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// der makes an element of definite length.
func der(id byte, parts ...[]byte) []byte {
	content := slices.Concat(parts...)
	b, err := asn1.Marshal(asn1.RawValue{Tag: 1, Bytes: content})
	if err != nil {
		panic(err)
	}
	b[0] = id
	return b
}

// ber makes an element of indefinite length.
func ber(id byte, parts ...[]byte) []byte {
	return slices.Concat([]byte{id, 0x80}, slices.Concat(parts...), []byte{0, 0})
}

func oid(arcs ...int) []byte {
	b, err := asn1.Marshal(asn1.ObjectIdentifier(arcs))
	if err != nil {
		panic(err)
	}
	return b
}

// forgery is a message made of parts, each of which can be put wrong.
type forgery struct {
	contentType, version, originator, recipients, algorithm, content, more, after []byte
}

var (
	oidEnveloped     = oid(1, 2, 840, 113549, 1, 7, 3)
	oidAuthEnveloped = oid(1, 2, 840, 113549, 1, 9, 16, 1, 23)
	oidData          = oid(1, 2, 840, 113549, 1, 7, 1)
	aesCBC           = der(0x30, oid(2, 16, 840, 1, 101, 3, 4, 1, 42), der(0x04, make([]byte, 16)))
	aesGCM           = der(0x30, oid(2, 16, 840, 1, 101, 3, 4, 1, 46), der(0x30, der(0x04, make([]byte, 12)), der(0x02, []byte{16})))
	tag              = der(0x04, make([]byte, 16))
	someName         = der(0x30, der(0x31, der(0x30, oid(2, 5, 4, 3), der(0x0c, []byte("ca")))))
	somebody         = der(0x30, someName, der(0x02, []byte{5}))
	anyAlgorithm     = der(0x30, oid(1, 2, 840, 113549, 1, 1, 1))
	encryptedKey     = der(0x04, make([]byte, 256))
	transport        = der(0x30, der(0x02, []byte{0}), somebody, anyAlgorithm, encryptedKey)
)

func agreement(keys ...[]byte) []byte {
	return der(0xa1, der(0x02, []byte{3}), der(0xa0, der(0x80, []byte("x"))), anyAlgorithm, der(0x30, keys...))
}

func kem(kind []byte) []byte {
	return der(0xa4, kind, der(0x30, der(0x02, []byte{0}), somebody, anyAlgorithm, encryptedKey, anyAlgorithm, der(0x02, []byte{32}),
		anyAlgorithm, encryptedKey))
}

func newForgery() forgery {
	return forgery{contentType: oidEnveloped, version: der(0x02, []byte{0}), recipients: der(0x31, transport), algorithm: aesCBC,
		content: der(0x80, make([]byte, 32))}
}

func (f forgery) build() []byte {
	return slices.Concat(der(0x30, f.contentType, der(0xa0, der(0x30, f.version, f.originator, f.recipients,
		der(0x30, oidData, f.algorithm, f.content), f.more))), f.after)
}

func TestForgeries(t *testing.T) {
	for _, tc := range []struct {
		name  string
		forge func(*forgery)
		want  bool
	}{
		{"as it should be", func(*forgery) {}, true},
		{"of indefinite length", func(f *forgery) { f.content = ber(0xa0, der(0x04, make([]byte, 10)), der(0x04, make([]byte, 6))) }, true},
		{"pieces in pieces", func(f *forgery) { f.content = ber(0xa0, ber(0x24, der(0x04, make([]byte, 16))), der(0x04)) }, true},
		{"recipients of indefinite length", func(f *forgery) { f.recipients = ber(0x31, transport, transport) }, true},
		{"agreed with one", func(f *forgery) { f.recipients = der(0x31, agreement(der(0x30, somebody, encryptedKey))) }, true},
		{"encapsulated", func(f *forgery) { f.recipients = der(0x31, kem(oid(1, 2, 840, 113549, 1, 9, 16, 13, 3))) }, true},
		{"an originator", func(f *forgery) { f.originator = der(0xa0) }, true},
		{"authenticated", func(f *forgery) {
			f.contentType, f.algorithm, f.content, f.more = oidAuthEnveloped, aesGCM, der(0x80, []byte{1}), tag
		}, true},

		{"clear text as originator", func(f *forgery) { f.originator = der(0xa0, der(0xa0, der(0x30, []byte("secret")))) }, false},
		{"clear text as revocation", func(f *forgery) { f.originator = der(0xa0, der(0xa1, der(0x30, []byte("secret")))) }, false},
		{"attributes", func(f *forgery) { f.more = der(0xa1, der(0x30, der(0x04, []byte("secret")))) }, false},
		{"text behind it", func(f *forgery) { f.after = []byte("secret") }, false},
		{"an element behind it", func(f *forgery) { f.after = der(0x04, []byte("secret")) }, false},
		{"no recipients", func(f *forgery) { f.recipients = der(0x31) }, false},
		{"agreed with nobody", func(f *forgery) { f.recipients = der(0x31, agreement()) }, false},
		{"one of no kind", func(f *forgery) { f.recipients = der(0x31, transport, der(0xa5)) }, false},
		{"one of another kind", func(f *forgery) { f.recipients = der(0x31, transport, kem(oid(1, 2, 3))) }, false},
		{"a password", func(f *forgery) { f.recipients = der(0x31, transport, der(0xa3, der(0x02, []byte{0}))) }, false},
		{"too many", func(f *forgery) { f.recipients = der(0x31, bytes.Repeat(transport, 5001)) }, false},
		{"no key", func(f *forgery) {
			f.recipients = der(0x31, der(0x30, der(0x02, []byte{0}), somebody, anyAlgorithm, der(0x04)))
		}, false},
		{"a huge key", func(f *forgery) {
			f.recipients = der(0x31, der(0x30, der(0x02, []byte{0}), somebody, anyAlgorithm, der(0x04, make([]byte, 17<<10))))
		}, false},
		{"something after a key", func(f *forgery) {
			f.recipients = der(0x31, der(0x30, der(0x02, []byte{0}), somebody, anyAlgorithm, encryptedKey, der(0x04, []byte("secret"))))
		}, false},
		{"no content", func(f *forgery) { f.content = nil }, false},
		{"empty content", func(f *forgery) { f.content = der(0x80) }, false},
		{"content in no pieces", func(f *forgery) { f.content = ber(0xa0) }, false},
		{"text in the place of pieces", func(f *forgery) { f.content = ber(0xa0, der(0x0c, make([]byte, 16))) }, false},
		{"content of a length that no cipher makes", func(f *forgery) { f.content = der(0x80, make([]byte, 33)) }, false},
		{"text behind the content", func(f *forgery) { f.content = append(f.content, der(0x04, []byte("secret"))...) }, false},
		{"DES", func(f *forgery) { f.algorithm = der(0x30, oid(1, 3, 14, 3, 2, 7), der(0x04, make([]byte, 8))) }, false},
		{"RC2", func(f *forgery) { f.algorithm = der(0x30, oid(1, 2, 840, 113549, 3, 2), der(0x04, make([]byte, 8))) }, false},
		{"an identifier below one of a cipher", func(f *forgery) {
			f.algorithm = der(0x30, oid(2, 16, 840, 1, 101, 3, 4, 1, 9, 42), der(0x04, make([]byte, 16)))
		}, false},
		{"no cipher", func(f *forgery) { f.algorithm = der(0x30, oidData) }, false},
		{"GCM without its tag", func(f *forgery) { f.algorithm = aesGCM }, false},
		{"an authenticated type without the tag", func(f *forgery) { f.contentType, f.algorithm = oidAuthEnveloped, aesGCM }, false},
		{"a tag of an octet", func(f *forgery) {
			f.contentType, f.algorithm, f.more = oidAuthEnveloped, aesGCM, der(0x04, []byte{1})
		}, false},
		{"a tag as long as a text", func(f *forgery) {
			f.contentType, f.algorithm, f.more = oidAuthEnveloped, aesGCM, der(0x04, make([]byte, 100))
		}, false},
		{"authenticated attributes", func(f *forgery) {
			f.contentType, f.algorithm, f.more = oidAuthEnveloped, aesGCM, append(der(0xa1, []byte{}), tag...)
		}, false},
		{"attributes behind the tag", func(f *forgery) {
			f.contentType, f.algorithm, f.more = oidAuthEnveloped, aesGCM, append(bytes.Clone(tag), der(0xa2, der(0x30))...)
		}, false},
		{"a tag in what has none", func(f *forgery) { f.more = tag }, false},
		{"no version", func(f *forgery) { f.version = nil }, false},
		{"another type", func(f *forgery) { f.contentType = oidData }, false},
	} {
		f := newForgery()
		tc.forge(&f)
		if e, err := cms.ReadEnveloped(f.build()); (err == nil) != tc.want || err != nil && !errors.Is(err, cms.ErrNotEnveloped) || tc.want && len(e.Recipients) == 0 {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

// TestBombs has what is made to take long or to hold much.
func TestBombs(t *testing.T) {
	deep := []byte{}
	for range 1000 {
		deep = append([]byte{0x30, 0x80}, deep...)
	}
	f := newForgery()
	f.content = ber(0xa0, bytes.Repeat(der(0x04), 5<<20))
	for _, tc := range []struct {
		name    string
		message []byte
		text    string
	}{
		{"nested", deep, "nested too deep"},
		{"nested pieces", append(deep[:20:20], bytes.Repeat([]byte{0x24, 0x80}, 1<<20)...), "nested too deep"},
		{"too many pieces", f.build(), "too many elements"},
		{"a primitive end", []byte{0x30, 0x80, 0x04, 0x80, 0, 0, 0, 0}, "of indefinite length"},
		{"a huge length", []byte{0x30, 0x84, 0xff, 0xff, 0xff, 0xff}, "in the middle"},
		{"a longer length", []byte{0x30, 0x85, 0, 0, 0, 0, 1, 0}, "more than four octets"},
		{"a length of 2^63", []byte{0x30, 0x88, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "more than four octets"},
		{"a long tag", []byte{0x30, 0x04, 0x1f, 0x81, 0x01, 0x00}, "in the place of another"},
	} {
		if _, err := cms.ReadEnveloped(tc.message); !errors.Is(err, cms.ErrNotEnveloped) || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

// TestOriginator has certificates of the originator, which are all that may be readable.
func TestOriginator(t *testing.T) {
	p := newPeople(t)
	f := newForgery()
	for count, want := range map[int]bool{1: true, 100: true, 101: false} {
		f.originator = der(0xa0, der(0xa0, bytes.Repeat(p.dave.Raw, count)))
		if _, err := cms.ReadEnveloped(f.build()); (err == nil) != want {
			t.Errorf("%d certificates: %v", count, err)
		}
	}
}

// TestIs holds one identifier against certificates that are nearly its own.
func TestIs(t *testing.T) {
	p := newPeople(t)
	identify := func(rid []byte) cms.Recipient {
		f := newForgery()
		f.recipients = der(0x31, der(0x30, der(0x02, []byte{0}), rid, anyAlgorithm, encryptedKey))
		e, err := cms.ReadEnveloped(f.build())
		if err != nil {
			t.Fatal(err)
		}
		return e.Recipients[0]
	}
	serial, err := asn1.Marshal(p.bob.SerialNumber)
	if err != nil {
		t.Fatal(err)
	}
	// A serial number that needs an octet of zero in front is another one without it.
	template := x509.Certificate{Subject: p.bob.Subject, SerialNumber: new(big.Int).SetBytes([]byte{0x80, 1, 2, 3})}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	great := labtest.NewX509(t, now, template, key)
	if r := identify(der(0x30, great.RawIssuer, der(0x02, []byte{0, 0x80, 1, 2, 3}))); !r.Is(great) {
		t.Error("a great serial number is not its own")
	}
	if r := identify(der(0x30, great.RawIssuer, der(0x02, []byte{0x80, 1, 2, 3}))); r.Is(great) {
		t.Error("a negative serial number is a great one")
	}
	for _, tc := range []struct {
		name string
		rid  []byte
		want bool
	}{
		{"bob's", der(0x30, p.bob.RawIssuer, serial), true},
		{"bob's by key", der(0x80, p.bob.SubjectKeyId), true},
		{"bob's by key in pieces", ber(0xa0, der(0x04, p.bob.SubjectKeyId[:3]), der(0x04, p.bob.SubjectKeyId[3:])), true},
		{"another serial number", der(0x30, p.bob.RawIssuer, der(0x02, []byte{5})), false},
		{"another issuer", der(0x30, p.carol.RawIssuer, serial), false},
		{"no issuer", der(0x30, der(0x30), serial), false},
		{"another key", der(0x80, p.carol.SubjectKeyId), false},
		{"the beginning of the key", der(0x80, p.bob.SubjectKeyId[:4]), false},
	} {
		if got := identify(tc.rid).Is(p.bob); got != tc.want {
			t.Errorf("%s: %t", tc.name, got)
		}
	}
	if identify(der(0x80, p.dave.SubjectKeyId)).Is(p.dave) {
		t.Error("a key that was sent by RSA is for a curve")
	}
	f := newForgery()
	f.recipients = der(0x31, agreement(der(0x30, der(0x30, p.bob.RawIssuer, serial), encryptedKey)))
	if e, err := cms.ReadEnveloped(f.build()); err != nil || e.For(p.bob) {
		t.Errorf("a key that was agreed on is for RSA: %v", err)
	}
	if (cms.Recipient{}).Is(p.bob) || (cms.Recipient{KeyID: []byte{}}).Is(&x509.Certificate{PublicKeyAlgorithm: x509.RSA}) {
		t.Error("nobody is somebody")
	}
}

// FuzzReadEnveloped reads anything. What is taken must have recipients, and no octet may follow it or be missing.
func FuzzReadEnveloped(f *testing.F) {
	forged := newForgery()
	f.Add(forged.build())
	forged.content = ber(0xa0, der(0x04, make([]byte, 10)), der(0x24, der(0x04, make([]byte, 6))))
	forged.recipients = ber(0x31, agreement(der(0x30, somebody, encryptedKey), der(0x30, der(0xa0, der(0x04, []byte("id"))), encryptedKey)))
	f.Add(forged.build())
	forged.recipients = der(0x31, kem(oid(1, 2, 840, 113549, 1, 9, 16, 13, 3)))
	forged.contentType, forged.algorithm, forged.more = oidAuthEnveloped, aesGCM, tag
	f.Add(forged.build())
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := cms.ReadEnveloped(b)
		if err != nil {
			if !errors.Is(err, cms.ErrNotEnveloped) {
				t.Errorf("another error: %v", err)
			}
			return
		}
		if len(e.Recipients) == 0 {
			t.Error("it is for nobody")
		}
		if _, err := cms.ReadEnveloped(append(b, 0)); err == nil {
			t.Error("an octet more is passed over")
		}
		if _, err := cms.ReadEnveloped(b[:len(b)-1]); err == nil {
			t.Error("an octet that is missing is not missed")
		}
	})
}
