package mail_test

import (
	"errors"
	"strings"
	"testing"

	"sealmilter/internal/mail"
)

func TestParseAddr(t *testing.T) {
	for _, tc := range []struct {
		in, key string // key "" means refused
	}{
		{"alice@example.org", "alice@example.org"},
		{"Alice.B@EXAMPLE.org", "alice.b@example.org"},
		{"alice+news@example.org", "alice+news@example.org"},
		{`"alice"@example.org`, "alice@example.org"},
		{`"alice b"@example.org`, `"alice b"@example.org`},
		{`"a@b"@example.org`, `"a@b"@example.org`},
		{`"a\"b\\c"@example.org`, `"a\"b\\c"@example.org`},
		{`"a\b"@example.org`, "ab@example.org"},
		{"!#$%&'*+-/=?^_`{|}~@example.org", "!#$%&'*+-/=?^_`{|}~@example.org"},
		{"root@localhost", "root@localhost"},
		{"a@[192.0.2.1]", "a@[192.0.2.1]"},
		{"a@[IPv6:2001:db8::1]", "a@[IPv6:2001:db8::1]"},
		{"jörg@bücher.example", "jörg@xn--bcher-kva.example"},
		{"a@xn--bcher-kva.example", "a@xn--bcher-kva.example"},
		{strings.Repeat("a", 64) + "@example.org", strings.Repeat("a", 64) + "@example.org"},

		{"", ""},
		{"alice", ""},
		{"@example.org", ""},
		{"alice@", ""},
		{"alice@@example.org", ""},
		{"alice@a@b", ""},
		{".alice@example.org", ""},
		{"al..ice@example.org", ""},
		{"alice.@example.org", ""},
		{"al ice@example.org", ""},
		{"alice@exam ple.org", ""},
		{"alice@-example.org", ""},
		{"alice@example..org", ""},
		{"alice@example.org.", ""},
		{"alice@under_score.example", ""},
		{"alice(comment)@example.org", ""},
		{`"alice@example.org`, ""},
		{`""@example.org`, ""},
		{`"a"b@example.org`, ""},
		{"\"a\x00\"@example.org", ""},
		{"a\r\nb@example.org", ""},
		{"a@[300.1.1.1]", ""},
		{"a@[IPv6:2001:db8::1%eth0]", ""},
		{"a@[x:y]", ""},
		{"a\xff@example.org", ""},
		{strings.Repeat("a", 65) + "@example.org", ""},
		{"a@" + strings.Repeat("a.", 130) + "org", ""},
		{"a@" + strings.Repeat("a", 64) + ".org", ""},
	} {
		a, err := mail.ParseAddr(tc.in)
		switch {
		case tc.key == "" && err == nil:
			t.Errorf("%q: accepted as %q", tc.in, a.Key())
		case tc.key == "" && !errors.Is(err, mail.ErrAddr):
			t.Errorf("%q: error %v does not wrap ErrAddr", tc.in, err)
		case tc.key != "" && err != nil:
			t.Errorf("%q: %v", tc.in, err)
		case tc.key != "" && (a.Key() != tc.key || a.String() != tc.in):
			t.Errorf("%q: key %q, text %q, want key %q", tc.in, a.Key(), a, tc.key)
		}
	}
}

func TestParsePath(t *testing.T) {
	for _, tc := range []struct{ in, text, key string }{
		{"<alice@example.org>", "alice@example.org", "alice@example.org"},
		{"alice@example.org", "alice@example.org", "alice@example.org"},
		{"<@relay.example,@b.example:alice@example.org>", "alice@example.org", "alice@example.org"},
		{"<postmaster>", "postmaster", "postmaster"},
		{"root", "root", "root"},
		{"<>", "", ""},
		{"", "", ""},
	} {
		a, err := mail.ParsePath(tc.in)
		if err != nil || a.String() != tc.text || a.Key() != tc.key || a.IsNull() != (tc.text == "") {
			t.Errorf("%q: %q, key %q, %v", tc.in, a, a.Key(), err)
		}
	}
	for _, in := range []string{"<alice@example.org", "alice@example.org>", "<@relay.example>", "<<a@b>>", "< >"} {
		if a, err := mail.ParsePath(in); err == nil {
			t.Errorf("%q: accepted as %q", in, a)
		}
	}
}

func TestAddrASCII(t *testing.T) {
	for in, want := range map[string]bool{"a@example.org": true, "a@bücher.example": false, "jörg@example.org": false} {
		a, err := mail.ParseAddr(in)
		if err != nil || a.IsASCII() != want {
			t.Errorf("%q: IsASCII %v, %v", in, a.IsASCII(), err)
		}
	}
}
