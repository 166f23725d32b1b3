package crypto

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"time"
)

// revocationText stands before the armor of a revocation certificate.
const revocationText = `This is a revocation certificate for the OpenPGP key

    %s
    %s

made on %s. It withdraws the key for good, which you may need when the secret
key is lost or in the wrong hands. Whoever has this file can do that: keep it
as safe as the secret key.

To use it, remove the colon before the dashes below, import the file, and
publish the certificate again wherever it was published. The colon is there
so that nobody does so by accident.

`

// RevocationCertificate returns the text of a revocation certificate for an unlocked key: the whole certificate, revoked
// for no given reason, which counts at any time (RFC 9580, section 5.2.3.31). It comes in ASCII armor whose first line
// has a colon in front, as GnuPG does it, so that no program takes it before somebody has removed that. Programs that
// do not have the certificate can take it, too.
//
// It fails with [ErrLocked], or an [*Unusable] if the primary key's secret is not here or must not be used.
func (k *SecretKey) RevocationCertificate(now time.Time, rand io.Reader) ([]byte, error) {
	secrets, err := k.certifyingSecrets(now)
	if err != nil {
		return nil, err
	}
	primary := secrets[0]
	public := k.secrets[0].public
	version := primary.Version
	revocation := selfSignature{kind: sigKeyRevocation, hash: hashSHA512, hashed: []subpacket{
		{subCreated, binary.BigEndian.AppendUint32(nil, uint32(now.Unix()))},
		{subIssuerFullName, append([]byte{byte(version)}, primary.Fingerprint...)},
		{subReason, []byte{0}},
	}}
	if version == 4 {
		revocation.unhashed = []subpacket{{subIssuer, binary.BigEndian.AppendUint64(nil, primary.KeyId)}}
	}
	data, _ := public.hashed()
	p, err := revocation.sign(primary, data, rand)
	if err != nil {
		return nil, fmt.Errorf("revoke key %s: %w", k.Fingerprint(), err)
	}
	packets, err := parsePackets(k.cert.raw)
	if err != nil {
		return nil, fmt.Errorf("revoke key %s: %w", k.Fingerprint(), err)
	}
	revoked, err := newCert(slices.Insert(packets, 1, p))
	if err != nil {
		return nil, fmt.Errorf("revoke key %s: %w", k.Fingerprint(), err)
	}
	if !revoked.entity.Revoked(now) {
		return nil, fmt.Errorf("revoke key %s: the revocation does not verify", k.Fingerprint())
	}
	var b bytes.Buffer
	owner := "(no User ID)"
	if ids := k.cert.UserIDs(); len(ids) > 0 {
		owner = ids[0]
	}
	fmt.Fprintf(&b, revocationText, k.Fingerprint(), owner, date(now))
	b.WriteString(":")
	err = revoked.WriteArmored(&b)
	return b.Bytes(), err
}
