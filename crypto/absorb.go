package crypto

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Absorb returns the key with what the owner has signed in another copy of its certificate and k lacks: later
// self-signatures and revocations of the key, its User IDs and its subkeys. User IDs and subkeys that k does not have
// are not taken, nor what others have signed. Secrets stay as they are, locked or not. A key that lacks nothing is
// returned itself. A certificate of another key is an error.
func (k *SecretKey) Absorb(c *Cert) (*SecretKey, error) {
	packets, err := k.cert.absorb(k.packets, k.publicPackets(), c)
	switch {
	case err != nil:
		return nil, err
	case len(packets) == len(k.packets):
		return k, nil
	}
	return newSecretKey(packets)
}

// Absorb returns the certificate with what [SecretKey.Absorb] takes from another copy of it. A certificate that lacks
// nothing is returned itself.
func (c *Cert) Absorb(other *Cert) (*Cert, error) {
	own, err := parsePackets(c.raw)
	if err != nil {
		return nil, err
	}
	packets, err := c.absorb(own, own, other)
	switch {
	case err != nil:
		return nil, err
	case len(packets) == len(own):
		return c, nil
	}
	return newCert(packets)
}

// absorb returns packets, whose public parts are given beside them, with the signatures that they lack.
func (c *Cert) absorb(own, public []rawPacket, other *Cert) ([]rawPacket, error) {
	if other.Fingerprint() != c.Fingerprint() {
		return nil, fmt.Errorf("the certificate %s is not that of the key %s", other.Fingerprint(), c.Fingerprint())
	}
	theirs, err := c.signaturesIn(other)
	if err != nil {
		return nil, err
	}
	var packets []rawPacket
	for i := 0; i < len(public); {
		end := i + 1
		for end < len(public) && public[end].tag == tagSignature {
			end++
		}
		packets = append(packets, own[i:end]...)
		name := public[i].name()
		for _, sig := range theirs[name] {
			if !slices.ContainsFunc(public[i+1:end], func(p rawPacket) bool { return bytes.Equal(p.body, sig.body) }) {
				packets = append(packets, sig)
			}
		}
		delete(theirs, name)
		i = end
	}
	return packets, nil
}

// signaturesIn returns the primary key's signatures in a copy of its certificate, by the name of the packet they are
// about.
func (c *Cert) signaturesIn(other *Cert) (map[string][]rawPacket, error) {
	packets, err := parsePackets(other.raw)
	if err != nil {
		return nil, err
	}
	own := c.entity.PrimaryKey
	found := make(map[string][]rawPacket)
	about := ""
	for _, p := range packets {
		if p.tag != tagSignature {
			about = p.name()
			continue
		}
		parsed, err := packet.Read(bytes.NewReader(p.appendTo(nil)))
		sig, ok := parsed.(*packet.Signature)
		if err == nil && ok && sig.CheckKeyIdOrFingerprint(own) {
			found[about] = append(found[about], p)
		}
	}
	return found, nil
}

// publicPackets returns the packets with the secrets left out.
func (k *SecretKey) publicPackets() []rawPacket {
	public := slices.Clone(k.packets)
	secrets := 0
	for i, p := range public {
		if p.tag == tagSecretKey || p.tag == tagSecretSubkey {
			public[i] = k.secrets[secrets].public
			secrets++
		}
	}
	return public
}

// name tells packets of a certificate apart.
func (p rawPacket) name() string { return string(append([]byte{p.tag}, p.body...)) }
