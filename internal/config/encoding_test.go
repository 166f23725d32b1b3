package config

import (
	"strings"
	"testing"
)

func TestEncoding(t *testing.T) {
	for text, want := range map[string]string{
		"admin = \"\"\r\n\tstate = \"/ü\"\r\n":   "",
		"\xef\xbb\xbfadmin = \"\"\n":             "a.toml:1:1: the file begins with a byte order mark",
		"\xff\xfea\x00":                          "a.toml:1:1: the file is UTF-16",
		"\xfe\xff\x00a":                          "a.toml:1:1: the file is UTF-16",
		"admin = \"\"\nstate = \"/M\xfcller\"\n": "a.toml:2:12: the octet 0xfc is not UTF-8",
	} {
		_, err := Parse("a.toml", []byte(text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
