package keys

import (
	"bytes"
	"cmp"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"time"

	"sealmilter/internal/mail"
)

// SMIME has the X.509 certificates of recipients, as an administrator has put them into a folder. Nothing is encrypted to
// them: they tell whether a message that came encrypted by S/MIME is for its recipient. Being in the folder is what they are
// believed by, as [KnownKey]; no chain is verified. It is immutable and safe for concurrent use, and a nil *SMIME has none.
type SMIME struct {
	byAddress map[string][]*x509.Certificate // by [mail.Addr.Key]
	count     int
}

// Valid returns the certificates of an address that a message may be encrypted to at that time.
func (s *SMIME) Valid(addr mail.Addr, at time.Time) []*x509.Certificate {
	if s == nil {
		return nil
	}
	var all []*x509.Certificate
	for _, c := range s.byAddress[addr.Key()] {
		if isValid(c, at) {
			all = append(all, c)
		}
	}
	return all
}

// Invalid returns the certificates that have expired or are not valid yet at that time, each once, those that expired first
// in front.
func (s *SMIME) Invalid(at time.Time) []*x509.Certificate {
	if s == nil {
		return nil
	}
	var all []*x509.Certificate
	for _, certs := range s.byAddress {
		for _, c := range certs {
			if !isValid(c, at) && !slices.ContainsFunc(all, c.Equal) {
				all = append(all, c)
			}
		}
	}
	slices.SortFunc(all, func(a, b *x509.Certificate) int {
		return cmp.Or(a.NotAfter.Compare(b.NotAfter), bytes.Compare(a.Raw, b.Raw))
	})
	return all
}

func isValid(c *x509.Certificate, at time.Time) bool {
	return !at.Before(c.NotBefore) && !at.After(c.NotAfter)
}

// Len returns the number of certificates, the expired ones included, and of addresses that they belong to.
func (s *SMIME) Len() (certificates, addresses int) {
	if s == nil {
		return 0, 0
	}
	return s.count, len(s.byAddress)
}

func (s *SMIME) add(c *x509.Certificate, addrs []mail.Addr) {
	added := false
	for _, addr := range addrs {
		known := s.byAddress[addr.Key()]
		if !slices.ContainsFunc(known, c.Equal) {
			s.byAddress[addr.Key()], added = append(known, c), true
		}
	}
	if added {
		s.count++
	}
}

// whyNoRecipient says why nothing can be encrypted to a certificate at any time, "" if something can (RFC 8550,
// sections 4.4.2 and 4.4.4; RFC 8551, section 4.2).
func whyNoRecipient(c *x509.Certificate) string {
	const least = 2048 // bits
	switch pub, isRSA := c.PublicKey.(*rsa.PublicKey); {
	case isRSA && pub.N.BitLen() < least:
		return "its RSA key is too short"
	case c.KeyUsage != 0 && c.KeyUsage&(x509.KeyUsageKeyEncipherment|x509.KeyUsageKeyAgreement) == 0:
		return "its key usage has neither keyEncipherment nor keyAgreement"
	case len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) > 0 &&
		!slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageEmailProtection) && !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny):
		return "its extended key usage is not for mail"
	default:
		return ""
	}
}

var oidEmailAddress = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}

// addressesOf returns the addresses that a certificate belongs to: the rfc822Names among its alternative names, or, where
// there is none, the emailAddress in its subject (RFC 8550, section 3). A common name is never one.
func addressesOf(c *x509.Certificate) []mail.Addr {
	var all []mail.Addr
	add := func(text string) {
		if addr, err := mail.ParseAddr(text); err == nil {
			all = append(all, addr)
		}
	}
	for _, text := range c.EmailAddresses {
		add(text)
	}
	if len(c.EmailAddresses) > 0 {
		return all
	}
	for _, name := range c.Subject.Names {
		if text, isText := name.Value.(string); isText && name.Type.Equal(oidEmailAddress) {
			add(text)
		}
	}
	return all
}
