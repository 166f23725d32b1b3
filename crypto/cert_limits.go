package crypto

import "fmt"

// Limits of one certificate.
const (
	maxCertSize   = 1 << 20 // octets
	maxUserIDs    = 100
	maxSignatures = 1000
	maxSubkeys    = 100
)

// extent is what of a certificate has limits.
type extent struct {
	size, userIDs, signatures, subkeys int
}

func (e *extent) add(p rawPacket) {
	e.size += packetOverhead + len(p.body)
	switch p.tag {
	case tagUserID, tagUserAttr:
		e.userIDs++
	case tagSignature:
		e.signatures++
	case tagPublicSubkey:
		e.subkeys++
	}
}

// exceeded returns an [*Unusable] for what is beyond a limit.
func (e extent) exceeded() error {
	switch {
	case e.size > maxCertSize:
		return malformed("it is larger than 1 MiB")
	case e.userIDs > maxUserIDs:
		return malformed(fmt.Sprintf("it has %d User IDs, more than %d", e.userIDs, maxUserIDs))
	case e.signatures > maxSignatures:
		return malformed(fmt.Sprintf("it has %d signatures, more than %d", e.signatures, maxSignatures))
	case e.subkeys > maxSubkeys:
		return malformed(fmt.Sprintf("it has %d subkeys, more than %d", e.subkeys, maxSubkeys))
	}
	return nil
}
