package keys

import (
	"bytes"
	"fmt"
	"strings"

	"sealmilter/internal/mail"
)

// daneZone returns the OPENPGPKEY records of the certificates (RFC 7929, section 2) in the format of a zone file.
func daneZone(all []publication) []byte {
	var b bytes.Buffer
	b.WriteString(`; OPENPGPKEY records of the senders (RFC 7929). Include this file in their zones, or copy the records of each
; domain into its zone, and sign the zone: without DNSSEC the records are ignored. A name server that does not know
; the type takes the generic form (RFC 3597), which follows each record as a comment.
`)
	for _, p := range all {
		fmt.Fprintf(&b, "\n; %s, %s\n", p.addr.Key(), p.cert.Fingerprint())
		for _, addr := range daneForms(p.addr) {
			record, err := DANERecord(addr, p.cert)
			if err != nil {
				fmt.Fprintf(&b, "; %v\n", err)
				continue
			}
			b.WriteString(record.Native())
			for line := range strings.Lines(record.Generic()) {
				b.WriteString("; " + line)
			}
		}
	}
	return b.Bytes()
}

// daneForms returns the addresses under which a certificate is published: as its User ID spells it, and, since nobody
// knows how a correspondent does, in lower case (RFC 7929, sections 3 and 4).
func daneForms(addr mail.Addr) []mail.Addr {
	lower, err := mail.ParseAddr(addr.Key())
	if err != nil || lower.Local() == addr.Local() {
		return []mail.Addr{addr}
	}
	return []mail.Addr{addr, lower}
}
