package gate

import (
	"crypto/x509"
	"fmt"

	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

// x509 returns the recipient's certificates for S/MIME, as far as the ruling believes them: an administrator has put them
// where they are, and nobody has confirmed a fingerprint.
func (g *Gate) x509(r ruling, to mail.Addr) []*x509.Certificate {
	if g.SMIME == nil || r.level > keys.KnownKey {
		return nil
	}
	return g.SMIME.Valid(to, g.Now())
}

// encryption says whether the message came encrypted to the recipient, and names the key.
func (d Decision) encryption(p *pgpmime.Protection) (encryption, string) {
	if !p.Encrypted() {
		return clearText, ""
	}
	if cert := d.answer.Cert; cert != nil && p.For(cert) {
		return toThem, fmt.Sprintf("key %s from %s", cert.Fingerprint(), d.answer.Source)
	}
	for _, c := range d.x509 {
		if p.ForX509(c) {
			return toThem, fmt.Sprintf("the S/MIME certificate %X of %s", c.SerialNumber, c.Issuer)
		}
	}
	return toOthers, ""
}

// wayOut tells a sender what to do about a message that was rejected for want of encryption.
func (d Decision) wayOut() string {
	cert := d.answer.Cert
	switch byThem := d.verdict == notTheirs; {
	case byThem && cert != nil:
		return fmt.Sprintf("Encrypt it to their key %s, or send it unencrypted to have it encrypted here.", cert.Fingerprint())
	case len(d.x509) > 0:
		return "Encrypt it to their S/MIME certificate in your mail program."
	case byThem:
		return "Ask them for a valid OpenPGP certificate, give it to the postmaster, and encrypt the message to that."
	default:
		return "Ask them for a valid OpenPGP certificate and give it to the postmaster."
	}
}
