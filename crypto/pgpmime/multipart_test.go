package pgpmime_test

import (
	"strings"
	"testing"
)

// TestUnclosedMultipartKeepsItsContent has multiparts without close delimiter. The last line end of a part within a
// part is its own, since the line end before the delimiter around it stands for the one that is missing.
func TestUnclosedMultipartKeepsItsContent(t *testing.T) {
	const root = "Content-Type: multipart/mixed; boundary=b\n\n--b\n"
	for _, tc := range []struct{ name, text, want string }{
		{"at the end", root + "\ntext\n", "\r\n\r\ntext\r\n--b--\r\n"},
		{"without line end", root + "\ntext", "\r\n\r\ntext\r\n--b--\r\n"},
		{"within a part", root + "Content-Type: multipart/mixed; boundary=c\n\n--c\n\ntext\n\n--b--\n", "\r\n\r\ntext\r\n\r\n--c--\r\n\r\n--b--\r\n"},
		{"within a part, no line end", root + "Content-Type: multipart/mixed; boundary=c\n\n--c\n\ntext\n--b--\n", "\r\n\r\ntext\r\n--c--\r\n\r\n--b--\r\n"},
		{"without a last part", root + "\ntext\n--b\n", "\r\n\r\ntext\r\n--b\r\n\r\n\r\n--b--\r\n"},
	} {
		if signed, _ := prepare(t, parseMessage("From: a@example.org\n"+tc.text)); !strings.HasSuffix(signed, tc.want) {
			t.Errorf("%s: composed\n%q\nnot ending in\n%q", tc.name, signed, tc.want)
		}
	}
}
