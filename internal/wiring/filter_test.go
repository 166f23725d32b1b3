package wiring

import "testing"

func TestSigns(t *testing.T) {
	for text, want := range map[string]bool{
		"inet:localhost:8891":     true,
		"inet:[::1]:8891":         true,
		"INET:8891@localhost":     true,
		"inet:8891":               true,
		"local:/run/OpenDKIM/x":   true,
		"dkimpy":                  true,
		"inet:localhost:88910":    false,
		"inet:88910@localhost":    false,
		"inet:localhost:8894":     false,
		"unix:/run/8891":          false,
		"":                        false,
		"inet:1@localhost:8891ms": false,
		"INPUT_MAIL_FILTER(`sign', `S=inet:8891@127.0.0.1, F=T')dnl":       true,
		"INPUT_MAIL_FILTER(`virus', `S=inet:1@127.0.0.1, T=C:8891')dnl":    false,
		"INPUT_MAIL_FILTER(`virus', `S=inet:88910@127.0.0.1, F=T')dnl":     false,
		"INPUT_MAIL_FILTER(`virus', `S=local:/run/opendkim.sock, F=T')dnl": true,
	} {
		if got := signs(text); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}
