package mail_test

import (
	"testing"

	"sealmilter/internal/mail"
)

func TestArg(t *testing.T) {
	args := []string{"smtputf8", "BODY=8BITMIME", "ENVID=a=b", "BODY=7BIT"}
	for _, tc := range []struct {
		keyword, value string
		found          bool
	}{
		{"SMTPUTF8", "", true},
		{"body", "8BITMIME", true},
		{"ENVID", "a=b", true},
		{"BOD", "", false},
		{"RET", "", false},
	} {
		if value, found := mail.Arg(args, tc.keyword); value != tc.value || found != tc.found {
			t.Errorf("%s: %q, %v", tc.keyword, value, found)
		}
	}
}

func TestDecodeXtext(t *testing.T) {
	for in, want := range map[string]string{
		"":                   "",
		"alice@example.org":  "alice@example.org",
		"a+2Bb+3Dc+20d+7e":   "a+b=c d~",
		"QQ314159":           "QQ314159",
		"+2b":                "+",
		"a+2Btag@x.example+": "!",
		"+":                  "!",
		"+2":                 "!",
		"+2G":                "!",
		"+0A":                "!",
		"+FF":                "!",
		"+-1":                "!",
		"a=b":                "!",
		"a b":                "!",
		"\xe4":               "!",
	} {
		text, ok := mail.DecodeXtext(in)
		if ok != (want != "!") || ok && text != want {
			t.Errorf("%q: %q, %v", in, text, ok)
		}
	}
}
