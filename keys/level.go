package keys

import (
	"fmt"
	"slices"
	"strings"
)

// Level is how far we believe that a certificate belongs to an address, in the order of LEAP's transitional key
// validation. A higher level may take the place of a lower one. The zero Level is below all and believes nothing.
type Level uint8

const (
	// WeakChain is a certificate from a place that proves little, such as a keyserver that takes any User ID.
	WeakChain Level = iota + 1
	// ProviderTrust is one that the address's own domain publishes.
	ProviderTrust
	// ProviderEndorsement is one that a directory of the administrator's choice publishes.
	ProviderEndorsement
	// ThirdPartyEndorsement is one that a third party has certified.
	ThirdPartyEndorsement
	// ThirdPartyConsensus is one that several third parties agree upon.
	ThirdPartyConsensus
	// HistoricallyAuditing is one from a log that shows if it was ever exchanged.
	HistoricallyAuditing
	// KnownKey is one that an administrator has imported.
	KnownKey
	// Fingerprint is one whose fingerprint an administrator has confirmed.
	Fingerprint
)

var levelNames = []string{"none", "weak-chain", "provider-trust", "provider-endorsement", "third-party-endorsement",
	"third-party-consensus", "historically-auditing", "known-key", "fingerprint"}

// String returns the name that the configuration uses, such as "provider-trust".
func (l Level) String() string {
	if int(l) < len(levelNames) {
		return levelNames[l]
	}
	return fmt.Sprintf("level %d", uint8(l))
}

// ParseLevel returns the level with a name. The zero Level has none.
func ParseLevel(name string) (Level, error) {
	i := slices.Index(levelNames, name)
	if i <= 0 {
		return 0, fmt.Errorf("%.40q is not a level; choose from %s", name, strings.Join(levelNames[1:], ", "))
	}
	return Level(i), nil
}

// sourceLevel returns how far a source is believed. A keyserver that has confirmed an address by mail has shown no
// more than that somebody could read one mail, perhaps on its way: the rules by which a provider's own word replaces
// such a key, and not the other way round, want it below.
func sourceLevel(source string) Level {
	switch source {
	case localName:
		return KnownKey
	case "ldap":
		return ProviderEndorsement
	case "wkd", "dane":
		return ProviderTrust
	default:
		return WeakChain
	}
}
