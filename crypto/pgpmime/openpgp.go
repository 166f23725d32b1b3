package pgpmime

import (
	"fmt"
	"strings"

	"sealmilter/internal/mail"
)

// OpenPGP returns the field that names the author's certificate by its fingerprint, in hexadecimal, and where it can be had:
// url is the place, "" for none. Encrypts says that the author can read encrypted mail
// (draft-josefsson-openpgp-mailnews-header-07, section 3). A place of more than about 900 octets is left out.
func OpenPGP(fingerprint, url string, encrypts bool) mail.Field {
	preference := "sign"
	if encrypts {
		preference = "signencrypt"
	}
	value := " id=" + fingerprint + ";"
	if url = printableURL(url); url != "" && len(url) <= maxWord {
		value += "\r\n url=\"" + url + "\";"
	}
	return mail.Field{Name: "OpenPGP", Value: value + "\r\n preference=" + preference}
}

// printableURL encodes what cannot stand in a quoted string of a header (RFC 3986, section 2.1).
func printableURL(url string) string {
	var b strings.Builder
	for i := range len(url) {
		if c := url[i]; c > ' ' && c < 0x7f && c != '"' && c != '\\' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
