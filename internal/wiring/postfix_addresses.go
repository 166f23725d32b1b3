package wiring

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// addresses looks at whether Postfix speaks the protocol of the addresses at which it and sealmilter find each other.
func (k *postfixCheck) addresses() {
	const name = "inet_protocols"
	protocols := words(k.Main[name], listSeparators)
	if len(protocols) == 0 || slices.Contains(protocols, "all") {
		return
	}
	for _, a := range []struct{ address, effect string }{
		{k.config.Listen.Address, "it cannot ask sealmilter there, and all mail is put off"},
		{k.config.Reinject, "it cannot listen there, and messages to several recipients cannot be sent"},
	} {
		at, err := netip.ParseAddrPort(a.address) // a socket is none, and the name of a host may be any
		if err != nil {
			continue
		}
		protocol := "ipv4"
		if at.Addr().Unmap().Is6() {
			protocol = "ipv6"
		}
		if !slices.Contains(protocols, protocol) {
			k.error("Postfix "+name, fmt.Sprintf("%s = %s keeps Postfix from %s: %s", name, k.Main[name], a.address, a.effect),
				"postconf -e inet_protocols=all && postfix stop && postfix start; or give sealmilter addresses of the other protocol in the configuration, such as [::1]:10026")
		}
	}
}

// name looks at the name of the host, and at what it makes of refusals.
func (k *postfixCheck) name() {
	if name := strings.TrimSuffix(k.Main["myhostname"], "."); name != "" && (!strings.Contains(name, ".") || strings.HasSuffix(name, ".localdomain")) {
		k.warning("Postfix myhostname", name+" is no name that other hosts know: they may refuse mail from it, and what programs here send comes from such an address, for which no key can be looked up",
			"postconf -e myhostname=mail.example.org && postfix reload; with the name that this host has in the DNS")
	}
	if k.Main["soft_bounce"] == "yes" {
		k.warning("Postfix soft_bounce", "refusals for good count as try again later: mail that [policy] refuses stays in its client's queue for days", "postconf -e soft_bounce=no && postfix reload")
	}
}
