package crypto

// room counts what a certificate holds so far, against the limits of one.
type room struct {
	extent
	parts map[*part]bool
	// checked are the signatures that take time when the certificate is parsed, which slow keys make expensive.
	checked int
	slow    bool
}

// take makes room for the item, and for its component if that has none yet.
func (r *room) take(i *item) bool {
	next := *r
	if !r.parts[i.part] {
		next.add(i.part.about)
		next.slow = next.slow || slowSigner(i.part.about)
	}
	if i.raw.body != nil {
		next.add(i.raw)
		if !i.cheap && i.part.about.tag != tagUserAttr {
			next.checked++
		}
	}
	if next.exceeded() != nil || next.slow && next.checked > maxSlowSignatures {
		return false
	}
	if next.parts == nil {
		next.parts = make(map[*part]bool)
	}
	next.parts[i.part] = true
	*r = next
	return true
}

// slowSigner reports whether the component is a key by which signatures are checked, and slowly.
func slowSigner(about rawPacket) bool {
	pub, ok := parsePublicKey(about)
	return ok && pub.CanSign() && slow(pub)
}
