package pgpmime_test

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/lab/labtest"
	"sealmilter/internal/mail"
)

// attributes reads a field as Autocrypt Level 1 has it: "name=value" between semicolons, white space without meaning.
func attributes(t testing.TB, f mail.Field) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for part := range strings.SplitSeq(f.Text(), ";") {
		name, value, found := strings.Cut(strings.TrimSpace(part), "=")
		if _, twice := all[name]; twice || !found {
			t.Errorf("the attribute %q of\n%s", name, f.Value)
		}
		all[name] = strings.ReplaceAll(value, " ", "")
	}
	return all
}

// keydata returns the certificate of a field.
func keydata(t testing.TB, f mail.Field) *crypto.Cert {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(attributes(t, f)["keydata"])
	if err != nil {
		t.Fatal(err)
	}
	c, err := crypto.ParseCert(b)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func addr(t testing.TB, s string) mail.Addr {
	t.Helper()
	a, err := mail.ParseAddr(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func minimal(t testing.TB, k *crypto.SecretKey) *crypto.Cert {
	t.Helper()
	c, err := k.Cert().Minimal(k.Cert().Addrs()[0], now)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAutocrypt(t *testing.T) {
	cert := minimal(t, generate(t, "alice@example.org"))
	begin := " addr=Alice.B@Example.ORG; prefer-encrypt=mutual; keydata=\r\n " + base64.StdEncoding.EncodeToString(cert.Bytes())[:76] + "\r\n "
	f, err := pgpmime.Autocrypt(addr(t, "Alice.B@Example.ORG"), cert, true)
	if err != nil || f.Name != "Autocrypt" || !strings.HasPrefix(f.Value, begin) {
		t.Errorf("%v\n%s", err, f.Value)
	}
	if keydata(t, f).Fingerprint() != cert.Fingerprint() {
		t.Error("another certificate")
	}
	for line := range strings.SplitSeq(f.Value, "\r\n") {
		if len(line) > 77 && !strings.HasPrefix(line, " addr=") || strings.TrimRight(line, " ") != line {
			t.Errorf("the line %q", line)
		}
	}
	f, err = pgpmime.Autocrypt(addr(t, "a@example.org"), cert, false)
	if err != nil || !strings.HasPrefix(f.Value, " addr=a@example.org; keydata=\r\n ") {
		t.Errorf("%v\n%s", err, f.Value)
	}
	f, err = pgpmime.AutocryptGossip(addr(t, "a@example.org"), cert)
	if err != nil || f.Name != "Autocrypt-Gossip" || !strings.HasPrefix(f.Value, " addr=a@example.org; keydata=\r\n ") {
		t.Errorf("%v\n%s", err, f.Value)
	}
}

// TestAutocryptAddresses has addresses as they come in a header.
func TestAutocryptAddresses(t *testing.T) {
	cert := minimal(t, generate(t, "alice@example.org"))
	for _, tc := range []struct{ addr, want string }{
		{"a=b+c@example.org", "a=b+c@example.org"},
		{`"alice"@example.org`, "alice@example.org"},
		{"alice@b\u00fccher.example", "alice@xn--bcher-kva.example"},
		{"\u00e4lice@example.org", ""},
		{`"a;keydata=x"@example.org`, ""},
		{`"a b"@example.org`, ""},
		{"alice@[192.0.2.1]", ""},
	} {
		f, err := pgpmime.Autocrypt(addr(t, tc.addr), cert, false)
		switch {
		case tc.want == "" && !errors.Is(err, pgpmime.ErrNoAttribute):
			t.Errorf("%s: %v\n%s", tc.addr, err, f.Value)
		case tc.want != "" && (err != nil || attributes(t, f)["addr"] != tc.want):
			t.Errorf("%s: %v\n%s", tc.addr, err, f.Value)
		}
	}
}

// TestAutocryptSizes has the largest keys that are common.
func TestAutocryptSizes(t *testing.T) {
	key, err := crypto.Generate(addr(t, "alice@example.org"), crypto.GenerateOptions{Now: now.Add(-time.Hour), Rand: rand.Reader, Algorithm: crypto.RSA4096})
	if err != nil {
		t.Fatal(err)
	}
	f, err := pgpmime.Autocrypt(addr(t, "alice@example.org"), minimal(t, key), true)
	if size := len(mail.Header{f}.AppendTo(nil)); err != nil || size > 10240 {
		t.Errorf("RSA-4096: %d octets, %v", size, err)
	}
}

// TestAutocryptBound finds the certificate that just fits: its User ID is as long as it takes.
func TestAutocryptBound(t *testing.T) {
	largest, refused := 0, false
	for n := 6000; n < 7200; n += 40 {
		key, err := crypto.Generate(addr(t, "alice@example.org"), crypto.GenerateOptions{
			Now: now.Add(-time.Hour), Rand: rand.Reader, Name: strings.Repeat("a", n),
		})
		if err != nil {
			t.Fatal(err)
		}
		f, err := pgpmime.Autocrypt(addr(t, "alice@example.org"), minimal(t, key), false)
		switch {
		case errors.Is(err, pgpmime.ErrTooLarge):
			refused = true
		case err != nil:
			t.Fatal(err)
		case refused:
			t.Errorf("a name of %d octets fits, and a shorter one does not", n)
		default:
			largest = len(mail.Header{f}.AppendTo(nil))
		}
	}
	if largest > 10240 || largest < 10240-100 || !refused {
		t.Errorf("the largest field has %d octets; refused: %v", largest, refused)
	}
}

func TestOpenPGP(t *testing.T) {
	const id = "0123456789ABCDEF0123456789ABCDEF01234567"
	for _, tc := range []struct {
		url      string
		encrypts bool
		want     string
	}{
		{"", true, " id=" + id + ";\r\n preference=signencrypt"},
		{"https://example.org/k?s=a%40b", true, " id=" + id + ";\r\n url=\"https://example.org/k?s=a%40b\";\r\n preference=signencrypt"},
		{"https://example.org/\"\\\r\n\u00e4", false, " id=" + id + ";\r\n url=\"https://example.org/%22%5C%0D%0A%C3%A4\";\r\n preference=sign"},
		{"https://example.org/" + strings.Repeat("a", 1000), false, " id=" + id + ";\r\n preference=sign"},
	} {
		if f := pgpmime.OpenPGP(id, tc.url, tc.encrypts); f.Name != "OpenPGP" || f.Value != tc.want {
			t.Errorf("%q: %q", tc.url, f.Value)
		}
	}
}

// TestGnuPGTakesAutocrypt has the real gpg import what the fields carry, and encrypt to it.
func TestGnuPGTakesAutocrypt(t *testing.T) {
	alice := generate(t, "alice@example.org")
	alices := newGnuPG(t, alice)
	for name, make := range map[string]func(mail.Addr, *crypto.Cert) (mail.Field, error){
		"Autocrypt": func(a mail.Addr, c *crypto.Cert) (mail.Field, error) { return pgpmime.Autocrypt(a, c, true) },
		"gossip":    pgpmime.AutocryptGossip,
	} {
		f, err := make(addr(t, "alice@example.org"), minimal(t, alice))
		if err != nil {
			t.Fatal(err)
		}
		friend := labtest.GnuPG{Home: labtest.NewGnuPGHome(t), Now: now}
		friend.Run(t, keydata(t, f).Bytes(), "--import")
		message, _ := friend.Run(t, []byte("secret"), "--trust-model", "always", "--recipient", "alice@example.org", "--encrypt")
		if text, _ := alices.Run(t, message, "--decrypt"); string(text) != "secret" {
			t.Errorf("%s: decrypted %q", name, text)
		}
	}
}
