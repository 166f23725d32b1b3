package pgpmime_test

import (
	"strings"
	"testing"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
)

// TestVerbatim has bodies of which some need more dots in SMTP: those never say that they need none.
func TestVerbatim(t *testing.T) {
	alice, bob := generate(t, "alice@example.org"), generate(t, "bob@example.net")
	by := signer(t, alice)
	for _, tc := range []struct {
		text   string
		signed bool
	}{
		{"plain\n", true},
		{".\n", false},
		{"at the end\n.", false},
		{"in. the middle .\n", true},
		{strings.Repeat("x", 300<<10) + "\n.\n", false},
		{strings.Repeat("x\n", 40<<10) + ".x\n" + strings.Repeat("x\n", 40<<10), false},
		{"", true},
	} {
		draft, err := realComposer().Prepare(parseMessage("From: alice@example.org\nSubject: s\n\n" + tc.text))
		if err != nil {
			t.Fatal(err)
		}
		signed, err := draft.Sign(by, false)
		if err != nil {
			t.Fatal(err)
		}
		encrypted, err := draft.Encrypt(by, []pgpmime.Reader{{Cert: bob.Cert()}, {Cert: bob.Cert()}}, crypto.EncryptOptions{Share: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range append(encrypted, signed) {
			said, ok := c.Body.(interface{ Verbatim() bool })
			is := ok && said.Verbatim()
			text := render(t, c)
			dotted := strings.HasPrefix(text, ".") || strings.Contains(text, "\n.")
			if is && dotted || is != (c != signed || tc.signed) {
				t.Errorf("%.20q, signed %v: verbatim %v, with a line that begins with a dot %v", tc.text, c == signed, is, dotted)
			}
			if strings.Contains(strings.ReplaceAll(text, "\r\n", ""), "\n") || !strings.HasSuffix(text, "\r\n") {
				t.Errorf("%.20q: a line does not end in CRLF", tc.text)
			}
		}
	}
}
