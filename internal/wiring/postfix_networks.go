package wiring

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// networks looks for clients that Postfix relays for without a login, and whose mail is a stranger's to sealmilter, which
// lets it through untouched. Single addresses are left out: by default they are the host's own, which need no trust.
func (k *postfixCheck) networks() {
	relays := func(name string) bool { return strings.Contains(k.Main[name], "permit_mynetworks") }
	if !relays("smtpd_relay_restrictions") && !relays("smtpd_recipient_restrictions") {
		return
	}
	for _, word := range words(k.Main["mynetworks"], listSeparators) {
		network, ok := parseNetwork(word)
		if !ok || network.IsSingleIP() || slices.ContainsFunc(k.config.Senders.Trust, func(trusted netip.Prefix) bool {
			return trusted.Bits() <= network.Bits() && trusted.Contains(network.Addr())
		}) {
			continue
		}
		k.warning("Postfix mynetworks", fmt.Sprintf("clients in %s may send without a login, and what they send leaves as it comes, in clear text and unsigned", network),
			fmt.Sprintf("add %q to trust in [senders] of the configuration, or take the network out of mynetworks", network))
	}
}

// parseNetwork reads an entry of mynetworks: an address or a network, of IPv6 in brackets (postconf(5)). It reports false
// for tables and exclusions.
func parseNetwork(word string) (netip.Prefix, bool) {
	text, length, given := strings.Cut(strings.NewReplacer("[", "", "]", "").Replace(word), "/")
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return netip.Prefix{}, false
	}
	bits := addr.BitLen()
	if given {
		if bits, err = strconv.Atoi(length); err != nil {
			return netip.Prefix{}, false
		}
	}
	if addr.Is4In6() && bits >= 96 {
		addr, bits = addr.Unmap(), bits-96
	}
	network, err := addr.Prefix(bits)
	return network, err == nil
}
