package keys

import "sealmilter/internal/mail"

// LDAPFilters returns the usual filters for an address and for a fingerprint.
func LDAPFilters(addr mail.Addr, fingerprint string) (byAddress, byFingerprint string) {
	return addressFilter(usualFilter, addr), fingerprintFilter(usualFingerprintFilter, fingerprint)
}

// IdleLDAP returns the number of connections that wait for the next search.
func IdleLDAP(l *LDAP) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.idle)
}
