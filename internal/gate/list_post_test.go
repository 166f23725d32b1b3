package gate

import (
	"strings"
	"testing"
)

func TestMailtoAddress(t *testing.T) {
	for text, want := range map[string]string{
		"<mailto:talk@lists.example.org>":                                   "talk@lists.example.org",
		"<MAILTO:talk@lists.example.org?subject=x> (Posts)":                 "talk@lists.example.org",
		"<mailto:talk%2Bnews@lists.example.org>":                            "talk+news@lists.example.org",
		"<https://lists.example.org/post>, <mailto:talk@lists.example.org>": "talk@lists.example.org",
		"(moderated) <mailto:talk@lists.example.org>":                       "talk@lists.example.org",
		"NO":                               "",
		"":                                 "",
		"mailto:talk@lists.example.org>":   "",
		"mailto:talk@lists.example.org":    "",
		"<mailto:talk@lists.example.org":   "",
		"<mailto:talk>":                    "",
		"<mailto:a@b.example,c@d.example>": "",
		"<mailto:%zz@lists.example.org>":   "",
	} {
		got, ok := mailtoAddress(text)
		if got.String() != want || ok != (want != "") {
			t.Errorf("%q: %q, %t, want %q", text, got, ok, want)
		}
	}
}

// FuzzMailtoAddress: what is found is an address that stands in the field.
func FuzzMailtoAddress(f *testing.F) {
	f.Add("<mailto:talk@lists.example.org>, <https://lists.example.org/?a=<b>>")
	f.Add("<mailto:%22a%20b%22@example.org>")
	f.Fuzz(func(t *testing.T, text string) {
		addr, ok := mailtoAddress(text)
		if ok && (addr.IsNull() || addr.Domain() == "" || !strings.Contains(strings.ToLower(text), "<")) || !ok && !addr.IsNull() {
			t.Errorf("%q: %q, %t", text, addr, ok)
		}
	})
}
