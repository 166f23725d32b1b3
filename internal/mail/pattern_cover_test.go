package mail_test

import (
	"testing"

	"sealmilter/internal/mail"
)

func TestPatternCovers(t *testing.T) {
	for _, tc := range []struct {
		wide, narrow string
		covers       bool
	}{
		{"*", "@example.org", true},
		{"*", "root", true},
		{"@example.org", "alice@example.org", true},
		{"@example.org", "a*@example.org", true},
		{"*@*.example.org", "@sub.example.org", true},
		{"a*@example.org", "a?c@example.org", true},
		{"alice@example.org", "Alice@EXAMPLE.org", true},
		{"?@example.org", "?@example.org", true},
		{"@example.org", "*", false},
		{"@example.org", "@sub.example.org", false},
		{"@example.org", "@example.*", false},
		{"a*@example.org", "@example.org", false},
		{"?@example.org", "*@example.org", false},
		{"root", "root@example.org", false},
		{"alice@example.org", "@example.org", false},
	} {
		wide, err := mail.ParsePattern(tc.wide)
		if err != nil {
			t.Fatal(err)
		}
		narrow, err := mail.ParsePattern(tc.narrow)
		if err != nil {
			t.Fatal(err)
		}
		if got := wide.Covers(narrow); got != tc.covers {
			t.Errorf("%q covers %q: %t", tc.wide, tc.narrow, got)
		}
	}
}

// FuzzPatternCovers holds a pattern that is said to cover another one to matching whatever that matches.
func FuzzPatternCovers(f *testing.F) {
	f.Add("@example.org", "a*@example.org", "abc@example.org")
	f.Add("?@x", "*@x", "ab@x")
	f.Fuzz(func(t *testing.T, wide, narrow, address string) {
		w, errWide := mail.ParsePattern(wide)
		n, errNarrow := mail.ParsePattern(narrow)
		a, err := mail.ParsePath(address)
		if errWide != nil || errNarrow != nil || err != nil {
			return
		}
		if w.Covers(n) && n.Match(a) && !w.Match(a) {
			t.Errorf("%q is said to cover %q and does not match %q", wide, narrow, address)
		}
	})
}
