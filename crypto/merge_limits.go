package crypto

// room counts what a certificate holds so far, against the limits of one.
type room struct {
	parts                              map[*part]bool
	size, userIDs, signatures, subkeys int
	// checked are the signatures that take time when the certificate is parsed, which slow keys make expensive.
	checked int
	slow    bool
}

// take makes room for the item, and for its component if that has none yet.
func (r *room) take(i *item) bool {
	next := *r
	isNew := !r.parts[i.part]
	if isNew {
		next.addPart(i.part.about)
	}
	if i.raw.body != nil {
		next.size += packetOverhead + len(i.raw.body)
		next.signatures++
		if !i.cheap && i.part.about.tag != tagUserAttr {
			next.checked++
		}
	}
	if next.size > maxCertSize || next.userIDs > maxUserIDs || next.signatures > maxSignatures ||
		next.subkeys > maxSubkeys || next.slow && next.checked > maxSlowSignatures {
		return false
	}
	if next.parts == nil {
		next.parts = make(map[*part]bool)
	}
	next.parts[i.part] = true
	*r = next
	return true
}

func (r *room) addPart(about rawPacket) {
	r.size += packetOverhead + len(about.body)
	switch about.tag {
	case tagUserID, tagUserAttr:
		r.userIDs++
	case tagPublicSubkey:
		r.subkeys++
	}
	r.slow = r.slow || slowSigner(about)
}

// slowSigner reports whether the component is a key by which signatures are checked, and slowly.
func slowSigner(about rawPacket) bool {
	pub, ok := parsePublicKey(about)
	return ok && pub.CanSign() && slow(pub)
}
