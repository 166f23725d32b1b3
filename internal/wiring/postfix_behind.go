package wiring

import (
	"fmt"
	"slices"
)

// behind looks at what Postfix does to mail after sealmilter has seen it.
func (k *postfixCheck) behind() {
	for _, s := range k.Services {
		if s.Command == "smtpd" && !s.isAt(k.config.Reinject) {
			k.added(s.Overrides, " of "+s.Name+" in master.cf")
		}
	}
	k.added(k.Main, "")
	if maps := k.Main["virtual_alias_maps"]; maps != "" && !k.splits() {
		k.warning("Postfix virtual_alias_maps", maps+" is looked up behind sealmilter: the members of an alias get the copy that is made for the alias",
			"give an alias a key of its own that its members have, or a rule in [policy] with mode sign, or have Postfix split messages: deploy/postfix/split")
	}
	if maps, domains := k.Main["alias_maps"], k.Main["mydestination"]; maps != "" && domains != "" {
		k.ok("Postfix alias_maps", "aliases in "+oneLine(domains)+" are looked up behind sealmilter: their members get the copy that is made for the alias")
	}
	if domains := k.Main["masquerade_domains"]; domains != "" && slices.Contains(words(k.Main["masquerade_classes"], listSeparators), "envelope_recipient") {
		k.warning("Postfix masquerade_domains", domains+" changes recipients behind sealmilter, which encrypts for the old address",
			"take envelope_recipient out of masquerade_classes, or tell sealmilter the new address: [keys.map]")
	}
	if limit := number(k.Main["smtp_line_length_limit"]); limit > 0 && limit < 998 {
		k.warning("Postfix smtp_line_length_limit", fmt.Sprintf("lines of more than %d octets are broken when mail is sent, behind the signature", limit), "postconf -e smtp_line_length_limit=998 && postfix reload")
	}
	if len(k.config.Policy.Aliases) > 0 && !k.splits() {
		k.warning("Postfix aliases", "aliases of [policy] are for a Postfix that splits messages, which this one does not: they count as any recipient",
			"take aliases out of [policy], or have Postfix split messages: deploy/postfix/split")
	}
	for _, c := range changedOnTheWay() {
		if maps := k.Main[c.name]; maps != "" {
			k.warning("Postfix "+c.name, maps+" "+c.effect, c.mend)
		}
	}
}

// change is a parameter that changes a message or its envelope behind sealmilter.
type change struct{ name, effect, mend string }

func changedOnTheWay() []change {
	const recipients, newAddress = "changes recipients behind sealmilter, which encrypts for the old address", "tell sealmilter the new one: [keys.map]"
	return []change{
		{"canonical_maps", recipients, newAddress},
		{"recipient_canonical_maps", recipients, newAddress},
		{"smtp_generic_maps", "changes addresses when mail is sent: From will differ from the one that is signed", "use sender_canonical_maps, whose result sealmilter sees"},
		{"smtp_header_checks", "may change the header when mail is sent, behind the signature", "use header_checks, which come before sealmilter"},
		{"smtp_mime_header_checks", "may change MIME headers when mail is sent, behind the signature", "use mime_header_checks, which come before sealmilter"},
		{"smtp_nested_header_checks", "may change attached messages when mail is sent, behind the signature", "use nested_header_checks, which come before sealmilter"},
		{"smtp_body_checks", "may change the body when mail is sent, behind the signature", "use body_checks, which come before sealmilter"},
		{"milter_header_checks", "acts on the header fields that sealmilter adds", "see to it that it leaves Content-Type, Autocrypt and OpenPGP alone"},
	}
}

// added looks for recipients and programs that settings add behind sealmilter. Where Postfix splits messages, added
// recipients are like any other.
func (k *postfixCheck) added(settings map[string]string, where string) {
	if k.splits() {
		return
	}
	for _, name := range []string{"always_bcc", "sender_bcc_maps", "recipient_bcc_maps"} {
		if value := settings[name]; value != "" {
			k.warning("Postfix "+name, value+where+" adds a recipient behind sealmilter, who gets copies that are encrypted to others, and signed ones",
				"an archive that can read all mail needs a place before sealmilter, or have Postfix split messages: deploy/postfix/split")
		}
	}
	if filter := settings["content_filter"]; filter != "" {
		k.warning("Postfix content_filter", filter+where+" gets mail behind sealmilter: it sees ciphertext, and must hand it back to a listener without milters",
			"a filter that has to read the text belongs before sealmilter: a milter in front of it in smtpd_milters")
	}
}
