package pgpmime_test

import (
	"strings"
	"testing"

	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/mail"
)

// TestClaimsStandWhereReadersFindThem has Content-Types of a message that break the grammar. Readers stop at what they
// cannot read.
func TestClaimsStandWhereReadersFindThem(t *testing.T) {
	const claims = `; protected-headers="v1"; hp="cipher"`
	for _, tc := range []struct{ value, want string }{
		{"text/html; charset=utf-8", "text/html; charset=utf-8" + claims},
		{"text/html;; charset=utf-8;", "text/html; charset=utf-8" + claims},
		{"text", "text/plain" + claims},
		{"foo; charset=utf-8", "text/plain; charset=utf-8" + claims},
		{"; charset=utf-8", "text/plain; charset=utf-8" + claims},
		{"t\xe4xt/plain; charset=utf-8", "text/plain; charset=utf-8" + claims},
		{"text/html>; charset=utf-8", "text/html; charset=utf-8" + claims},
		{"<TEXT/html>", "text/html" + claims},
		{"text/html/x", "text/html" + claims},
		{"<image/png>", "text/plain" + claims},
		{"text/html; format=flowed; charset; x=y", "text/html; format=flowed" + claims + "; charset; x=y"},
		{`text/html; name="a.txt" charset=utf-8`, "text/html" + claims + `; name="a.txt" charset=utf-8`},
		{"text/html; charset=utf-8; name=" + strings.Repeat("a", 880) + " b", "text/html; charset=utf-8" + claims + "; name=" + strings.Repeat("a", 880) + " b"},
	} {
		m := parseMessage("From: a@example.org\nSubject: s\nContent-Type: " + tc.value + "\n\nbody\n")
		_, payload := composeEncrypted(t, pgpmime.Composer{}, m)
		if faults := canonicalFaults(payload); faults != nil {
			t.Errorf("%q: the payload has %v", tc.value, faults)
		}
		header, _ := mail.SplitMessage([]byte(payload))
		if got := header.Get("Content-Type"); got != tc.want {
			t.Errorf("%q became %q, not %q", tc.value, got, tc.want)
		}
	}
}

// TestUnreadableTypeIsText has a message of such a type that has to be encoded: as text, not as octets.
func TestUnreadableTypeIsText(t *testing.T) {
	signed, _ := prepare(t, parseMessage("Content-Type: text; charset=iso-8859-1\n\nGr\xfc\xdfe\n"))
	if !strings.Contains(signed, "\r\nContent-Transfer-Encoding: quoted-printable\r\n") || !strings.HasSuffix(signed, "\r\n\r\nGr=FC=DFe\r\n") {
		t.Errorf("composed\n%s", signed)
	}
}

// TestFilesHaveNoFieldsDisplayed has a file whose type says that it is text.
func TestFilesHaveNoFieldsDisplayed(t *testing.T) {
	for _, typ := range []string{"text/plain", "foo"} {
		m := parseMessage("Subject: s\nContent-Type: " + typ + "\nContent-Transfer-Encoding: base64\n\niVBORw0KGgoAAAANSUhEUg==\n")
		if _, payload := composeEncrypted(t, pgpmime.Composer{LegacyDisplay: true}, m); !strings.HasSuffix(payload, "\r\n\r\niVBORw0KGgoAAAANSUhEUg==\r\n") {
			t.Errorf("%s: composed\n%s", typ, payload)
		}
	}
}
