package keys

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math"
	"strings"

	"github.com/miekg/dns"
	"golang.org/x/text/unicode/norm"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
)

// daneLabel is the label between a mailbox and its domain (RFC 7929, section 3).
const daneLabel = "_openpgpkey"

// ZoneRecord is an OPENPGPKEY record (RFC 7929, section 2) to be put in a zone.
type ZoneRecord struct {
	// Owner is the absolute name, with the final dot.
	Owner string
	// RDATA is the binary certificate.
	RDATA []byte
}

// DANERecord returns the record with which the domain of an address publishes a certificate. The local part counts as
// it is written; senders may ask for its lower-case form only, which is the one to publish. It fails for an address
// without a domain, and for a certificate or a domain that is too long for DNS.
func DANERecord(addr mail.Addr, cert *crypto.Cert) (ZoneRecord, error) {
	if addr.Domain() == "" || addr.IsLiteral() {
		return ZoneRecord{}, fmt.Errorf("DNS record for %s: the address has no domain in DNS", addr)
	}
	record := ZoneRecord{Owner: daneOwner(norm.NFC.String(addr.Local()), addr.Domain()) + ".", RDATA: cert.Bytes()}
	if _, valid := dns.IsDomainName(record.Owner); !valid {
		return ZoneRecord{}, fmt.Errorf("DNS record for %s: its domain is too long", addr)
	}
	if len(record.RDATA) > math.MaxUint16 {
		return ZoneRecord{}, fmt.Errorf("DNS record for %s: its certificate has %d octets, more than %d: publish one with fewer signatures",
			addr, len(record.RDATA), math.MaxUint16)
	}
	return record, nil
}

// Native returns the record in the presentation format of its type (RFC 7929, section 2.3), over several lines.
func (r ZoneRecord) Native() string {
	return r.Owner + " 3600 IN OPENPGPKEY (\n" + wrapped(base64.StdEncoding.EncodeToString(r.RDATA)) + "\t)\n"
}

// Generic returns the record in the presentation format for name servers that do not know its type (RFC 3597,
// section 5), over several lines.
func (r ZoneRecord) Generic() string {
	return fmt.Sprintf("%s 3600 IN TYPE%d \\# %d (\n%s\t)\n", r.Owner, dns.TypeOPENPGPKEY, len(r.RDATA), wrapped(hex.EncodeToString(r.RDATA)))
}

// wrapped cuts a text into indented lines.
func wrapped(text string) string {
	const width = 64
	var b strings.Builder
	for len(text) > 0 {
		n := min(width, len(text))
		b.WriteString("\t" + text[:n] + "\n")
		text = text[n:]
	}
	return b.String()
}

// daneOwner returns the owner name of a mailbox without the final dot (RFC 7929, section 3). The local part has no
// quoting and is in normalization form C.
func daneOwner(local, domain string) string {
	const kept = 28 // octets
	hash := sha256.Sum256([]byte(local))
	return hex.EncodeToString(hash[:kept]) + "." + daneLabel + "." + domain
}
