package pgpmime_test

import (
	"strings"
	"testing"
)

// TestOddBodies has what breaks the rules of MIME and is sent all the same. The part behind the delimiter "--b" becomes
// what is wanted.
func TestOddBodies(t *testing.T) {
	long := strings.Repeat("x", 999)
	for _, tc := range []struct{ name, part, want string }{
		{"a charset for an encoding", "Content-Transfer-Encoding: utf-8\n\n\xc3\xa4 plain text ",
			"Content-Transfer-Encoding: quoted-printable\n\n=C3=A4 plain text=20"},
		{"an unknown encoding that does no harm", "Content-Transfer-Encoding: x-odd\n\na", "Content-Transfer-Encoding: x-odd\n\na"},
		{"a message in an unknown encoding", "Content-Type: message/rfc822\nContent-Transfer-Encoding: x-odd\n\nX-A: a \n\nb ",
			"Content-Type: message/rfc822\nContent-Transfer-Encoding: 7bit\n\nX-A: a\nContent-Transfer-Encoding: quoted-printable\nMIME-Version: 1.0\n\nb=20"},
		{"something behind the encoding", "Content-Transfer-Encoding: \"Quoted-Printable\"; x\n\n=C3=A4 ",
			"Content-Transfer-Encoding: \"Quoted-Printable\"; x\n\n=C3=A4"},
		{"uuencode with blanks", "Content-Transfer-Encoding: x-uuencode\n\nbegin 644 a \n", "Content-Transfer-Encoding: x-uuencode\n\nbegin 644 a \n"},
		{"uuencode with 8 bits", "Content-Type: image/png; name=a\nContent-Transfer-Encoding: x-uuencode\n\nbegin 644 \xc3\xa4",
			"Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\nYmVnaW4gNjQ0IMOk\n"},
		{"a multipart without boundary", "Content-Type: multipart/mixed; x=y\nContent-Transfer-Encoding: 8bit\n\n--\xc3\xa4 plain text ",
			"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n--=C3=A4 plain text=20"},
		{"one in an unknown charset", "Content-Type: multipart/mixed\n\n\xe4 " + strings.Repeat("\xe4", 9),
			"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n5CDk5OTk5OTk5OQ=\n"},
		{"one that does no harm", "Content-Type: multipart/mixed; boundary=x\n\n--y", "Content-Type: multipart/mixed; boundary=x\n\n--y"},
		{"one in base64", "Content-Type: multipart/mixed\nContent-Transfer-Encoding: base64\n\nYW Jj ",
			"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\nYWJj\n"},
		{"one with long lines", "Content-Type: multipart/signed\n\n" + long,
			"Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\n" + strings.Repeat(strings.Repeat("x", 75)+"=\n", 13) + strings.Repeat("x", 24)},
	} {
		signed, _ := prepare(t, parseMessage("Content-Type: multipart/mixed; boundary=b\n\n--b\n"+tc.part+"\n--b--\n"))
		_, part, _ := strings.Cut(signed, "\r\n--b\r\n")
		part, _, found := strings.Cut(part, "\r\n--b--\r\n")
		if got := strings.ReplaceAll(part, "\r\n", "\n"); !found || got != tc.want {
			t.Errorf("%s: %q\nwant %q", tc.name, got, tc.want)
		}
		if strings.Contains(tc.name, "uuencode with blanks") {
			continue
		}
		if faults := canonicalFaults(signed); faults != nil {
			t.Errorf("%s:\n%q\nhas %v", tc.name, signed, faults)
		}
	}
}
