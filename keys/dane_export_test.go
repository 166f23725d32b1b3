package keys

import "sealmilter/internal/mail"

// DANEOwners returns the names at which DANE looks for the key of an address.
func DANEOwners(addr mail.Addr) []string {
	var owners []string
	for _, local := range localForms(addr.Local()) {
		owners = append(owners, daneOwner(local, addr.Domain()))
	}
	return owners
}
