package crypto

import "slices"

// Merge returns the key with what [Cert.Merge] takes from another copy of its certificate about the parts that k has:
// later self-signatures and revocations of the key, its User IDs and its subkeys. User IDs and subkeys that k does not
// have are not taken. Secrets stay as they are, locked or not. A key that lacks nothing is returned itself.
func (k *SecretKey) Merge(update []byte) (*SecretKey, error) {
	cert, err := k.cert.Merge(update)
	if err != nil {
		return nil, err
	}
	if cert == k.cert {
		return k, nil
	}
	merged, err := parsePackets(cert.raw)
	if err != nil {
		return nil, err
	}
	own := k.parts()
	var kept []component
	for _, part := range components(merged) {
		if p, has := own[part.about.content()]; has {
			kept = append(kept, component{p, part.signatures})
		}
	}
	packets := join(kept)
	if slices.EqualFunc(packets, k.packets, func(a, b rawPacket) bool { return a.content() == b.content() }) {
		return k, nil
	}
	return newSecretKey(packets)
}

// parts returns the packets of the key that signatures are about, by their public contents. Of copies of a key the one
// with a secret counts.
func (k *SecretKey) parts() map[content]rawPacket {
	parts := make(map[content]rawPacket)
	for _, p := range k.packets {
		if p.tag == tagUserID || p.tag == tagUserAttr || p.tag == tagPublicSubkey {
			parts[p.content()] = p
		}
	}
	for _, s := range k.secrets {
		id := s.public.content()
		if _, known := parts[id]; !known || s.state == locked || s.state == unlocked {
			parts[id] = s.packet
		}
	}
	return parts
}
