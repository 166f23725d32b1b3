package keys_test

import (
	"slices"
	"strings"
	"testing"

	"sealmilter/crypto"
	"sealmilter/internal/lab"
	"sealmilter/keys"
)

// TestDANEWithRealResolver has BIND validate what another BIND serves, so that the AD bit, NXDOMAIN and SERVFAIL mean
// what they mean in the wild.
func TestDANEWithRealResolver(t *testing.T) {
	alice := generate(t, "alice@signed.example", 0, 0).Cert()
	var many []*crypto.Cert
	for range 5 {
		many = append(many, generate(t, "many@signed.example", 0, 0).Cert())
	}
	native := func(address string, certs ...*crypto.Cert) (lines []string) {
		for _, cert := range certs {
			lines = append(lines, zoneRecord(t, address, cert).Native())
		}
		return lines
	}
	signed := slices.Concat(native("alice@signed.example", alice), native("many@signed.example", many...), []string{
		zoneRecord(t, "generic@signed.example", alice).Generic(),
		zoneRecord(t, "text@signed.example", alice).Owner + ` TXT "no key"`,
		zoneRecord(t, "alias@signed.example", alice).Owner + " CNAME " + zoneRecord(t, "alice@signed.example", alice).Owner,
		zoneRecord(t, "unsafe@signed.example", alice).Owner + " CNAME " + zoneRecord(t, "alice@unsigned.example", alice).Owner,
		zoneRecord(t, "bogus@signed.example", alice).Owner + " CNAME " + zoneRecord(t, "alice@bogus.example", alice).Owner,
	})
	bind, err := lab.StartBIND(t.Context(), lab.BINDConfig{
		Signed:   signed,
		Unsigned: native("alice@unsigned.example", alice),
		Bogus:    native("alice@bogus.example", alice),
		Progress: t.Output(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if t.Failed() {
			t.Log(bind.Log())
		}
		if err := bind.Close(); err != nil {
			t.Error(err)
		}
	}()
	source := keys.NewDANE(newResolver(t, bind.Addr, keys.ResolverOptions{}))
	for address, want := range map[string]struct {
		kind, text string
		certs      []*crypto.Cert
	}{
		"alice@signed.example":    {"found", "", []*crypto.Cert{alice}},
		"ALICE@signed.example":    {"found", "", []*crypto.Cert{alice}},
		"many@signed.example":     {"found", "", many},
		"generic@signed.example":  {"found", "", []*crypto.Cert{alice}},
		"alias@signed.example":    {"found", "", []*crypto.Cert{alice}},
		"nobody@signed.example":   {"none", "", nil},
		"text@signed.example":     {"none", "", nil},
		"alice@nowhere.example":   {"none", "", nil},
		"alice@unsigned.example":  {"no service", "not signed", nil},
		"nobody@unsigned.example": {"no service", "not signed", nil},
		"unsafe@signed.example":   {"no service", "not signed", nil},
		"alice@bogus.example":     {"unknown", "SERVFAIL", nil},
		"nobody@bogus.example":    {"unknown", "SERVFAIL", nil},
		"bogus@signed.example":    {"unknown", "SERVFAIL", nil},
	} {
		certs, err := source.Lookup(t.Context(), addr(t, address))
		if kind := meaning(err); kind != want.kind || err != nil && !strings.Contains(err.Error(), want.text) {
			t.Errorf("%s: %s: %v, want %s: %s", address, kind, err, want.kind, want.text)
		}
		if fingerprints(certs) != fingerprints(want.certs) {
			t.Errorf("%s: %q, want %q", address, fingerprints(certs), fingerprints(want.certs))
		}
	}
	for domain, want := range map[string]string{"signed.example": "true", "nowhere.example": "false", "unsigned.example": "false", "bogus.example": "unknown"} {
		announced, err := source.Announces(t.Context(), domain)
		got := "false"
		switch {
		case err != nil:
			got = "unknown"
		case announced:
			got = "true"
		}
		if got != want {
			t.Errorf("%s: announced %s, %v, want %s", domain, got, err, want)
		}
	}
}
