package keys

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"

	"golang.org/x/text/unicode/norm"

	"sealmilter/internal/mail"
)

// maxRecord is the most that the data of a DNS record can be, in octets.
const maxRecord = 65535

// daneZone returns the OPENPGPKEY records of the certificates (RFC 7929, section 2) in the format of a zone file.
func daneZone(all []publication) []byte {
	var b bytes.Buffer
	b.WriteString(`; OPENPGPKEY records of the senders (RFC 7929). Include this file in their zones, or copy the records of each
; domain into its zone, and sign the zone: without DNSSEC the records are ignored. A name server that does not know
; the type takes the generic form (RFC 3597), which follows each record as a comment.
`)
	for _, p := range all {
		cert := p.cert.Bytes()
		fmt.Fprintf(&b, "\n; %s, %s\n", p.addr.Key(), p.cert.Fingerprint())
		if len(cert) > maxRecord {
			fmt.Fprintf(&b, "; Its certificate of %d octets is too large for DNS.\n", len(cert))
			continue
		}
		for _, owner := range daneOwners(p.addr) {
			fmt.Fprintf(&b, "%s 3600 IN OPENPGPKEY (\n", owner)
			writeLines(&b, "\t", base64.StdEncoding.EncodeToString(cert))
			b.WriteString("\t)\n")
			fmt.Fprintf(&b, "; %s 3600 IN TYPE61 \\# %d (\n", owner, len(cert))
			writeLines(&b, ";\t", hex.EncodeToString(cert))
			b.WriteString(";\t)\n")
		}
	}
	return b.Bytes()
}

// daneOwners returns the names of an address's records: of the local part as its User ID spells it, and, since nobody
// knows how a correspondent does, in lower case (RFC 7929, sections 3 and 4).
func daneOwners(addr mail.Addr) []string {
	owner := func(local string) string {
		sum := sha256.Sum256(norm.NFC.Bytes([]byte(local)))
		return hex.EncodeToString(sum[:28]) + "._openpgpkey." + addr.Domain() + "."
	}
	lower, err := mail.ParseAddr(addr.Key())
	if err != nil {
		lower = addr
	}
	return slices.Compact([]string{owner(addr.Local()), owner(lower.Local())})
}

func writeLines(b *bytes.Buffer, indent, text string) {
	const width = 76
	for len(text) > 0 {
		n := min(width, len(text))
		b.WriteString(indent + text[:n] + "\n")
		text = text[n:]
	}
}
