package pgpmime_test

import (
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
	goldenFolder(t, "testdata/protection", func(t *testing.T, name string, m *mail.Message) string {
		policy, known := policies[strings.Split(name, "-")[1]]
		if !known {
			t.Fatal("the name has no policy")
		}
		outside, payload := composeEncrypted(t, pgpmime.Composer{Confidentiality: policy, LegacyDisplay: true}, m)
		if faults := canonicalFaults(payload); faults != nil {
			t.Errorf("the payload has %v", faults)
		}
		return strings.ReplaceAll("#### header outside\n"+string(outside.AppendTo(nil))+"#### payload\n"+payload, "\r\n", "\n")
	})
}
