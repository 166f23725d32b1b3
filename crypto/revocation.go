package crypto

import (
	"bytes"
	"fmt"
)

// Revocation is a revocation certificate: the key revocation signature alone, without its key (RFC 9580, section
// 5.2.1.11), as GnuPG keeps one for every key that it makes. Whether the key made it is known only once
// [Cert.Merge] has joined it with the certificate. It is immutable and safe for concurrent use.
type Revocation struct {
	// IssuerFingerprint is the upper-case hexadecimal fingerprint of the key that it says it revokes, "" if it names
	// a key ID only.
	IssuerFingerprint string
	// IssuerKeyID is never 0.
	IssuerKeyID uint64

	raw []byte
}

func newRevocation(p rawPacket) (*Revocation, error) {
	sig, err := parseSignature(p)
	switch {
	case err != nil:
		return nil, malformed("its revocation certificate cannot be read: " + plain(err))
	case sig.IssuerKeyId == nil, *sig.IssuerKeyId == 0:
		return nil, malformed("its revocation certificate does not name the key")
	}
	r := &Revocation{IssuerKeyID: *sig.IssuerKeyId, raw: p.appendTo(nil)}
	if len(sig.IssuerFingerprint) > 0 {
		r.IssuerFingerprint = fmt.Sprintf("%X", sig.IssuerFingerprint)
	}
	return r, nil
}

// Bytes returns the binary signature packet in the caller's own copy.
func (r *Revocation) Bytes() []byte { return bytes.Clone(r.raw) }
