package crypto

import (
	"fmt"
	"time"
)

// Warnings returns what is out of date about the certificate without making it unusable, as fragments of sentences
// for people.
func (c *Cert) Warnings() []string {
	var warnings []string
	for pub := range c.boundKeys {
		if bits := rsaBits(pub); bits >= minRSA && bits < adviseRSA {
			warnings = append(warnings, fmt.Sprintf("its RSA key of %d bits is shorter than %d", bits, adviseRSA))
			break
		}
	}
	if c.reliesOnSHA1() {
		warnings = append(warnings, "its self-signatures use SHA-1")
	}
	return warnings
}

func (c *Cert) reliesOnSHA1() bool {
	if sig, err := c.entity.PrimarySelfSignature(time.Time{}, policy()); err == nil && usesSHA1(sig) {
		return true
	}
	for i := range c.entity.Subkeys {
		sig, err := c.entity.Subkeys[i].LatestValidBindingSignature(time.Time{}, policy())
		if err == nil && usesSHA1(sig) {
			return true
		}
	}
	return false
}
