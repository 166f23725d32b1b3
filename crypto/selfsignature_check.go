package crypto

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// statement is a signature that the primary key made about a component of its certificate.
type statement struct {
	// raw is the packet without what others may have added to it.
	raw rawPacket
	// says is equal for two signatures that say the same: the hashed part, without the salt. What is not hashed
	// anybody can change, and of some algorithms there is more than one valid signature of the same hash.
	says string
	// named says that the signature names its maker, without which other programs may not find the key to check it.
	named bool
}

var (
	// errNotByOwner is for what cannot be a signature by the primary key about the component. To see that costs no time.
	errNotByOwner = errors.New("it is not a signature by the primary key")
	// errOtherIssuer is for signatures that claim to be by another key. To see that costs no time, either.
	errOtherIssuer = errors.New("it is a signature by another key")
)

// readStatement checks that the primary key made the signature about the component, whatever the policy thinks of its
// hash or its time.
func readStatement(primary *packet.PublicKey, about, sig rawPacket) (statement, error) {
	in := bytes.NewReader(sig.appendTo(nil))
	parsed, err := packet.Read(in)
	if err != nil {
		return statement{}, fmt.Errorf("%w: %s", errNotByOwner, plain(err))
	}
	s, ok := parsed.(*packet.Signature)
	named := ok && s.IssuerKeyId != nil
	switch {
	case named && !s.CheckKeyIdOrFingerprint(primary):
		return statement{}, errOtherIssuer
	case !ok, s.Version != primary.Version, !named && !isRevocation(sig):
		return statement{}, errNotByOwner
	}
	if err := verifyStatement(primary, about, s); err != nil {
		return statement{}, err
	}
	sig.body = lean(sig.body[:len(sig.body)-in.Len()])
	return statement{raw: sig, says: string(s.HashSuffix), named: named}, nil
}

func verifyStatement(primary *packet.PublicKey, about rawPacket, s *packet.Signature) error {
	certifies := s.SigType >= sigGenericCert && s.SigType <= sigPositiveCert || s.SigType == sigCertRevocation
	switch {
	case about.tag == tagPublicKey && s.SigType == sigKeyRevocation:
		return primary.VerifyRevocationSignature(s)
	case about.tag == tagPublicKey && s.SigType == sigDirectKey:
		return primary.VerifyDirectKeySignature(s)
	case about.tag == tagUserID && certifies && s.IssuerKeyId != nil: // else the library takes it for a stranger's
		return primary.VerifyUserIdSignature(string(about.body), primary, s)
	case about.tag == tagUserAttr && certifies:
		return verifyOver(primary, about, s)
	case about.tag == tagPublicSubkey && s.SigType == sigSubkeyRevocation:
		return verifyOver(primary, about, s)
	case about.tag == tagPublicSubkey && s.SigType == sigSubkeyBinding:
		if sub, ok := parsePublicKey(about); ok {
			return primary.VerifyKeySignature(sub, s)
		}
		return verifyOver(primary, about, s)
	}
	return errNotByOwner
}

// verifyOver checks a signature over the primary key and another component, which may be of a kind that the library
// does not know (RFC 9580, section 5.2.4).
func verifyOver(primary *packet.PublicKey, about rawPacket, s *packet.Signature) error {
	h, err := s.PrepareVerify()
	if err != nil {
		return err
	}
	if err := primary.SerializeForHash(h); err != nil {
		return err
	}
	data, known := about.hashed()
	if !known {
		return errNotByOwner
	}
	h.Write(data)
	return primary.VerifySignature(h, s)
}

// parsePublicKey reports false for a key of a kind that the library does not know, or with octets too many.
func parsePublicKey(p rawPacket) (*packet.PublicKey, bool) {
	parsed, err := readComponent(p)
	pub, ok := parsed.(*packet.PublicKey)
	return pub, ok && err == nil
}

// before orders signatures that say the same: one that names its maker comes first, then the one with the least in its
// unhashed part.
func (s statement) before(other statement) bool {
	if s.named != other.named {
		return s.named
	}
	if a, b := len(s.raw.body), len(other.raw.body); a != b {
		return a < b
	}
	return slices.Compare(s.raw.body, other.raw.body) < 0
}
