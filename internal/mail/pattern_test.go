package mail_test

import (
	"strings"
	"testing"

	"sealmilter/internal/mail"
)

func TestPattern(t *testing.T) {
	for _, tc := range []struct {
		pattern string
		match   []string
		not     []string
	}{
		{"alice@example.org", []string{"Alice@EXAMPLE.org", `"alice"@example.org`}, []string{"bob@example.org", "alice@example.net"}},
		{"@example.org", []string{"a@example.org", `"x y"@example.org`}, []string{"a@sub.example.org", "a@example.orgx"}},
		{"*@example.org", []string{"a@example.org"}, []string{`a@other.org`}},
		{"*@*.example.org", []string{"a@sub.example.org"}, []string{"a@example.org"}},
		{"team-?@example.org", []string{"team-1@example.org"}, []string{"team-12@example.org"}},
		{"@Bücher.example", []string{"a@xn--bcher-kva.example"}, nil},
		{"JÖRG@example.org", []string{"jÖrg@example.org"}, []string{"jörg@example.org"}},
		{"*", []string{"a@b.example", "root"}, nil},
		{"root", []string{"Root"}, []string{"root@example.org"}},
		{"a*z@x.example", []string{"az@x.example", "abz@x.example"}, []string{"ay@x.example", "az@y.example"}},
	} {
		p, err := mail.ParsePattern(tc.pattern)
		if err != nil {
			t.Errorf("%q: %v", tc.pattern, err)
			continue
		}
		for i, in := range append(tc.match, tc.not...) {
			a, err := mail.ParsePath(in)
			if err != nil {
				t.Fatal(err)
			}
			if want := i < len(tc.match); p.Match(a) != want {
				t.Errorf("%q matches %q: %v", tc.pattern, in, !want)
			}
		}
		if tc.pattern != "*" && p.Match(mail.Addr{}) {
			t.Errorf("%q matches the null sender", tc.pattern)
		}
	}
	for _, bad := range []string{"", "@", "a@", "a@b@c", "a b@example.org", "*@ex ample.org", "*a", "@-x.example"} {
		if p, err := mail.ParsePattern(bad); err == nil {
			t.Errorf("%q is accepted as %q", bad, p)
		}
	}
	if (mail.Pattern{}).Match(mail.Addr{}) {
		t.Error("the zero pattern matches")
	}
}

func FuzzPattern(f *testing.F) {
	f.Add("*a*b*@*", "aab@x.example")
	f.Add("@x.example", "a@x.example")
	f.Fuzz(func(t *testing.T, pattern, addr string) {
		p, err := mail.ParsePattern(pattern)
		if err != nil || len(pattern) > 200 {
			return
		}
		a, err := mail.ParseAddr(addr)
		if err != nil {
			return
		}
		exact, err := mail.ParsePattern(a.Key())
		if err == nil && !strings.ContainsAny(a.Key(), "*?") && !exact.Match(a) {
			t.Fatalf("%q does not match itself", a.Key())
		}
		p.Match(a)
	})
}
