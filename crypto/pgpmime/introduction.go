package pgpmime

import (
	"slices"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
)

// Introduction is what copies tell of keys, so that their readers can answer encrypted.
type Introduction struct {
	// Outside are fields beside the others of the header, in clear text: Autocrypt and OpenPGP.
	Outside mail.Header
	// OutsideSigned are those that only signed copies have: they tell what encrypted ones are to hide.
	OutsideSigned mail.Header
	// Gossip are the Autocrypt-Gossip fields of encrypted copies for recipients who are named in the header.
	Gossip mail.Header
	// Attached is the author's certificate for copies that have it attached; nil for none.
	Attached *crypto.Cert
}

// inside are the fields of an edition's payload. A hidden reader learns nothing of the others, and what is signed in clear
// text is for everybody.
func (i Introduction) inside(e edition) mail.Header {
	if e.encrypted && !e.hidden {
		return i.Gossip
	}
	return nil
}

// outside are the fields beside the header of an edition's copies.
func (i Introduction) outside(e edition) mail.Header {
	if e.encrypted {
		return i.Outside
	}
	return slices.Concat(i.Outside, i.OutsideSigned)
}

// Introduce has the copies that are made from now on introduce keys. No copy has the certificate attached if the message has
// it already, or would not be what it is inside of another one.
func (d *Draft) Introduce(i Introduction) {
	if i.Attached != nil && (!d.root.canBePart() || d.root.hasAttached(i.Attached)) {
		i.Attached = nil
	}
	d.introduction = i
}
