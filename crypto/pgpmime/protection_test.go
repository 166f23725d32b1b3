package pgpmime_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/mail"
)

// composeEncrypted returns the header outside and the payload of an encrypted copy.
func composeEncrypted(t testing.TB, c pgpmime.Composer, m *mail.Message) (outside mail.Header, payload string) {
	t.Helper()
	var sealer stubSealer
	c.Sealer, c.Rand = &sealer, zeros{}
	draft, err := c.Prepare(m)
	if err != nil {
		t.Fatal(err)
	}
	copies, err := draft.Encrypt(nil, make([]pgpmime.Reader, 1), crypto.EncryptOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return copies[0].Header, string(sealer.payload)
}

// TestGoldenProtection composes testdata/protection/NN-POLICY-name.eml under the policy, with legacy display elements, and
// compares the header outside and the payload with NN-POLICY-name.want. NN-POLICY-name.readme says what the case is about.
func TestGoldenProtection(t *testing.T) {
	policies := map[string]pgpmime.Confidentiality{
		"baseline": pgpmime.Baseline, "shy": pgpmime.Shy, "none": pgpmime.NoConfidentiality,
	}
	cases, err := filepath.Glob("testdata/protection/*.eml")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, eml := range cases {
		base := strings.TrimSuffix(eml, ".eml")
		t.Run(filepath.Base(base), func(t *testing.T) {
			policy, known := policies[strings.Split(filepath.Base(base), "-")[1]]
			text, err := os.ReadFile(eml)
			if err != nil || !known {
				t.Fatalf("policy known: %t, %v", known, err)
			}
			if _, err := os.Stat(base + ".readme"); err != nil {
				t.Error(err)
			}
			outside, payload := composeEncrypted(t, pgpmime.Composer{Confidentiality: policy, LegacyDisplay: true}, parseMessage(string(text)))
			if faults := canonicalFaults(payload); faults != nil {
				t.Errorf("the payload has %v", faults)
			}
			got := strings.ReplaceAll("#### header outside\n"+string(outside.AppendTo(nil))+"#### payload\n"+payload, "\r\n", "\n")
			if *update {
				if err := os.WriteFile(base+".want", []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(base + ".want")
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("composed\n%s\nwant\n%s", got, want)
			}
		})
	}
}
