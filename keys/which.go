package keys

import (
	"strings"

	"sealmilter/internal/mail"
)

// parseWhich tells a fingerprint, with or without blanks and "0x", from an address. Exactly one of them is returned.
func parseWhich(s string) (fingerprint string, addr mail.Addr, err error) {
	fingerprint = strings.ToUpper(strings.TrimPrefix(strings.ReplaceAll(s, " ", ""), "0x"))
	if isFingerprint(fingerprint) {
		return fingerprint, mail.Addr{}, nil
	}
	addr, err = mail.ParsePath(s)
	if err == nil && addr.IsNull() {
		_, err = mail.ParseAddr(s)
	}
	return "", addr, err
}

// isFingerprint reports whether s is the fingerprint of a version 4 or 6 key in upper-case hexadecimal (RFC 9580,
// section 5.5.4).
func isFingerprint(s string) bool {
	if len(s) != 40 && len(s) != 64 {
		return false
	}
	return strings.Trim(s, "0123456789ABCDEF") == ""
}
