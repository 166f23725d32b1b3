package wiring

import (
	"fmt"
	"strings"
)

// behind looks at what sendmail does to mail after sealmilter has seen it.
func (k *sendmailCheck) behind() {
	if v, set := k.Options["maxmimeheaderlength"]; !set || v != "0/0" && v != "0" {
		k.warning("sendmail MaxMimeHeaderLength", "long MIME header fields are cut behind the signature", "define(`confMAX_MIME_HEADER_LENGTH', `0/0')dnl in sendmail.mc")
	}
	if limit := number(k.Mailers["esmtp"]["l"]); limit > 0 && limit < 1000 {
		k.warning("sendmail mailer esmtp", fmt.Sprintf("L=%d: lines of more octets are broken behind the signature", limit), "define(`SMTP_MAILER_LL', `2040')dnl in sendmail.mc, before MAILER(`smtp')")
	}
	if limit := number(k.Options["maxmessagesize"]); limit > 0 && limit < 2*k.config.Limits.Message {
		k.warning("sendmail MaxMessageSize", fmt.Sprintf("an encrypted copy is up to twice as large as the message, and sendmail takes %d octets: messages over %d may be refused, though [limits] message is %d",
			limit, limit/2, k.config.Limits.Message), "raise confMAX_MESSAGE_SIZE, or set message in [limits] to what users may send")
	}
	if table := k.Maps["generics"]; table != "" {
		k.warning("sendmail genericstable", "From becomes another address behind sealmilter ("+table+"), and will differ from the one that is signed", "have clients use the addresses that the table leads to")
	}
	if table := k.Maps["virtuser"]; table != "" {
		k.warning("sendmail virtusertable", table+" is looked up behind sealmilter: those it leads to get the copy that is made for the old address",
			"give the old address a key that they have, or a rule in [policy] with mode sign, or tell sealmilter the new one: [keys.map]")
	}
	if domain := k.Macros["M"]; domain != "" {
		k.warning("sendmail masquerading", "From becomes an address of "+domain+" behind sealmilter, and will differ from the one that is signed", "have clients use the address of "+domain)
	}
	if file := k.Options["aliasfile"]; file != "" {
		k.ok("sendmail AliasFile", "aliases of local domains are looked up behind sealmilter: their members get the copy that is made for the alias")
	}
	if mode := strings.ToLower(k.Options["eightbitmode"]); strings.HasPrefix(mode, "s") {
		k.warning("sendmail EightBitMode", "strict refuses mail with 8-bit text from clients that do not announce it", "leave confEIGHT_BIT_HANDLING out of sendmail.mc")
	}
}

// load looks at limits that keep sealmilter or its copies waiting.
func (k *sendmailCheck) load() {
	if children, limit := number(k.Options["maxdaemonchildren"]), int64(k.config.Limits.Connections); children > limit {
		k.warning("sendmail MaxDaemonChildren", fmt.Sprintf("sendmail may have %d sessions at a time, and sealmilter takes %d connections: the others are told to try again", children, limit),
			fmt.Sprintf("set connections = %d in [limits], or a smaller confMAX_DAEMON_CHILDREN in sendmail.mc", children))
	}
	const few = 10 // Debian has 15
	if rate := number(k.Options["connectionratethrottle"]); rate > 0 && rate < few {
		k.warning("sendmail ConnectionRateThrottle", fmt.Sprintf("at most %d connections in a second are taken, also of copies, while their client waits", rate),
			"leave confCONNECTION_RATE_THROTTLE out of sendmail.mc; FEATURE(`ratecontrol') holds clients back by themselves")
	}
}
