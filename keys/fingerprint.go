package keys

import (
	"fmt"
	"strings"

	"sealmilter/internal/mail"
)

// ParseFingerprint returns a fingerprint, with or without blanks and "0x", in upper-case hexadecimal.
func ParseFingerprint(s string) (string, error) {
	fingerprint := normalFingerprint(s)
	if !isFingerprint(fingerprint) {
		return "", fmt.Errorf("%.80q is not a fingerprint of 40 or 64 hexadecimal digits", s)
	}
	return fingerprint, nil
}

func normalFingerprint(s string) string {
	return strings.ToUpper(strings.TrimPrefix(strings.ReplaceAll(s, " ", ""), "0x"))
}

// parseWhich tells a fingerprint, with or without blanks and "0x", from an address. Exactly one of them is returned.
func parseWhich(s string) (fingerprint string, addr mail.Addr, err error) {
	fingerprint = normalFingerprint(s)
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
