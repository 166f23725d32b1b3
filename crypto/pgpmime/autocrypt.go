package pgpmime

import (
	"encoding/base64"
	"errors"
	"strings"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
)

// maxAutocrypt is how many octets a whole field may have, above which readers leave it out of account (Autocrypt Level 1,
// "The Autocrypt Header").
const maxAutocrypt = 10 << 10

var (
	// ErrTooLarge is returned for a certificate that makes a field of more than 10 KiB.
	ErrTooLarge = errors.New("the certificate is too large for an Autocrypt field")
	// ErrNoAttribute is returned for an address that an Autocrypt field cannot hold: one with a quoted local part, or with
	// one that is not in US-ASCII.
	ErrNoAttribute = errors.New("the address cannot stand in an Autocrypt field")
)

// Autocrypt returns the field by which the owner of an address tells everybody the certificate to encrypt to, which
// should be a minimal one, see [crypto.Cert.Minimal]. PreferEncrypt says that the owner wants encrypted answers, even
// to mail in clear text. Errors are [ErrTooLarge] and [ErrNoAttribute].
func Autocrypt(addr mail.Addr, minimal *crypto.Cert, preferEncrypt bool) (mail.Field, error) {
	wish := ""
	if preferEncrypt {
		wish = " prefer-encrypt=mutual;"
	}
	return keyField("Autocrypt", addr, wish, minimal)
}

// AutocryptGossip returns the field by which one reader of an encrypted message learns the certificate of another one
// (Autocrypt Level 1, "Key Gossip"). Errors are those of [Autocrypt].
func AutocryptGossip(addr mail.Addr, minimal *crypto.Cert) (mail.Field, error) {
	return keyField("Autocrypt-Gossip", addr, "", minimal)
}

// keyField puts the data of the key last, in lines, as the standard wants it.
func keyField(name string, addr mail.Addr, attributes string, c *crypto.Cert) (mail.Field, error) {
	spec, ok := attributeAddr(addr)
	if !ok {
		return mail.Field{}, ErrNoAttribute
	}
	var b strings.Builder
	b.WriteString(" addr=" + spec + ";" + attributes + " keydata=")
	text := base64.StdEncoding.EncodeToString(c.Bytes())
	for len(text) > 0 {
		n := min(len(text), keydataLine)
		b.WriteString("\r\n " + text[:n])
		text = text[n:]
	}
	if len(name)+len(":")+b.Len()+len("\r\n") > maxAutocrypt {
		return mail.Field{}, ErrTooLarge
	}
	return mail.Field{Name: name, Value: b.String()}, nil
}

// keydataLine is how many characters of base64 stand in a line, behind one space.
const keydataLine = 76

// attributeAddr returns the address as it was written, or with its domain as A-labels if it was not in US-ASCII. A quoted
// local part could hold the semicolon that ends an attribute.
func attributeAddr(addr mail.Addr) (spec string, ok bool) {
	switch {
	case addr.Domain() == "" || addr.IsLiteral() || !is7bit(addr.Local()) || strings.HasPrefix(addr.Key(), `"`):
		return "", false
	case addr.IsASCII():
		// A needless pair of quotes goes.
		return addr.Local() + addr.String()[strings.LastIndexByte(addr.String(), '@'):], true
	default:
		return addr.Local() + "@" + addr.Domain(), true
	}
}
