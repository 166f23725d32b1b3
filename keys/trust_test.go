package keys

import (
	"strings"
	"testing"
)

// TestRivalry is LEAP's upgrade table, row by row.
func TestRivalry(t *testing.T) {
	for _, tc := range []struct {
		name string
		rivalry
		want judgement
		why  string
	}{
		{"the same certificate", rivalry{same: true, old: KnownKey, new: WeakChain}, unchanged, "the pinned"},
		{"the same certificate, expired", rivalry{same: true, spent: true}, unchanged, "the pinned"},
		{"a confirmed fingerprint over anything", rivalry{old: HistoricallyAuditing, new: Fingerprint}, replacing, "has confirmed its fingerprint"},
		{"a confirmed fingerprint over another", rivalry{old: Fingerprint, new: Fingerprint}, replacing, "has confirmed its fingerprint"},
		{"expired, believed as far", rivalry{old: ProviderTrust, new: ProviderTrust, spent: true}, replacing, "of no more use"},
		{"expired, believed further", rivalry{old: ProviderTrust, new: KnownKey, spent: true}, replacing, "of no more use"},
		{"expired, believed less", rivalry{old: ProviderTrust, new: WeakChain, spent: true}, conflicting, "believed less (weak-chain) than the old certificate (provider-trust) was"},
		{"valid, believed further", rivalry{old: WeakChain, new: ProviderTrust}, replacing, "believed further (provider-trust)"},
		{"valid, believed as far", rivalry{old: ProviderTrust, new: ProviderTrust}, conflicting, "believed no further (provider-trust) than the old certificate (provider-trust), which is still valid"},
		{"valid, believed less", rivalry{old: KnownKey, new: ProviderTrust}, conflicting, "no further"},
		{"certified by the old one, as far", rivalry{old: ProviderTrust, new: ProviderTrust, successor: true}, replacing, "has certified it"},
		{"certified by the old one, less", rivalry{old: KnownKey, new: WeakChain, successor: true}, replacing, "has certified it"},
		{"certified by the old one, which is confirmed", rivalry{old: Fingerprint, new: WeakChain, successor: true}, replacing, "has certified it"},
		{"one whose successor is pinned, though each has certified the other", rivalry{old: ProviderTrust, new: KnownKey, predecessor: true, successor: true}, outdated, "is its successor"},
		{"the same, the pinned one expired", rivalry{old: ProviderTrust, new: KnownKey, predecessor: true, spent: true}, replacing, "of no more use"},
		{"a confirmed one expired", rivalry{old: Fingerprint, new: KnownKey, spent: true}, conflicting, "believed less"},
		{"nothing is known", rivalry{}, conflicting, "no further"},
	} {
		got, why := tc.judge()
		if got != tc.want || !strings.Contains(why, tc.why) {
			t.Errorf("%s: %v, %q", tc.name, got, why)
		}
	}
}

func TestLevels(t *testing.T) {
	for level := WeakChain; level <= Fingerprint; level++ {
		if parsed, err := ParseLevel(level.String()); err != nil || parsed != level {
			t.Errorf("%v: %v, %v", level, parsed, err)
		}
	}
	for _, name := range []string{"", "none", "known", "Fingerprint"} {
		if parsed, err := ParseLevel(name); err == nil {
			t.Errorf("%q is %v", name, parsed)
		}
	}
	if got := Level(9).String(); got != "level 9" {
		t.Error(got)
	}
	// The order in which sources may take each other's place.
	for source, want := range map[string]Level{"local": KnownKey, "ldap": ProviderEndorsement, "wkd": ProviderTrust,
		"dane": ProviderTrust, "vks": WeakChain, "hkp": WeakChain, "anything": WeakChain} {
		if got := sourceLevel(source); got != want {
			t.Errorf("%s: %v", source, got)
		}
	}
}
