package keys

import (
	"strings"

	"github.com/go-ldap/ldap/v3"
	"golang.org/x/net/idna"

	"sealmilter/internal/mail"
)

// placeholder stands in a filter for what is looked for.
const placeholder = "%s"

const (
	// usualFilter finds an address among the User IDs of the PGP key servers' usual schema. A revoked certificate is
	// found as well: that it is revoked is worth knowing.
	usualFilter = "(&(objectClass=pgpKeyInfo)(|(pgpUserID=*<%s>*)(pgpUserID=%s))(!(pgpDisabled=1)))"
	// usualFingerprintFilter covers servers that know fingerprints and those that know key IDs only. An attribute that
	// a server does not know matches nothing there.
	usualFingerprintFilter = "(&(objectClass=pgpKeyInfo)(|(gpgFingerprint=%s)(pgpFingerprint=%s)(pgpCertID=" + keyIDPlaceholder + ")))"
	// keyIDPlaceholder stands for the key ID of the fingerprint.
	keyIDPlaceholder = "%k"
)

// fillFilter puts a value into a filter so that it can mean nothing else (RFC 4515, section 3).
func fillFilter(filter, value string) string {
	return strings.ReplaceAll(filter, placeholder, ldap.EscapeFilter(value))
}

// addressFilter fills in an address. A domain in A-labels may have been written in Unicode by the owner of the key.
func addressFilter(filter string, addr mail.Addr) string {
	key := addr.Key()
	filled := fillFilter(filter, key)
	local := strings.TrimSuffix(key, addr.Domain())
	unicode, err := idna.Display.ToUnicode(addr.Domain())
	if err != nil || unicode == addr.Domain() {
		return filled
	}
	return "(|" + filled + fillFilter(filter, local+unicode) + ")"
}

// fingerprintFilter fills in a fingerprint, and its key ID (RFC 9580, section 5.5.4).
func fingerprintFilter(filter, fingerprint string) string {
	const keyID = 16 // hexadecimal digits
	id := fingerprint[len(fingerprint)-keyID:]
	if len(fingerprint) == 64 {
		id = fingerprint[:keyID]
	}
	return strings.ReplaceAll(fillFilter(filter, fingerprint), keyIDPlaceholder, id)
}
