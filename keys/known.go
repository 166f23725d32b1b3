package keys

import (
	"context"
	"errors"
	"strings"

	"sealmilter/internal/mail"
	"sealmilter/internal/store"
)

// AddressPage is a piece of the list of all addresses for which a certificate is known.
type AddressPage struct {
	// Search is a text that the addresses have in them, "" for any. The case of letters does not count.
	Search string
	// After and Before are addresses that are not on the page themselves: it begins behind After, or ends in front of
	// Before. With neither, it is the first page; Before counts if both are there.
	After, Before string
	// Limit is how many addresses the page has at most.
	Limit int
}

// Known is what is known of the key of an address.
type Known struct {
	Address string // as it is looked up
	// Answer is what a lookup comes to.
	Answer Answer
	// Pinned is the certificate that is in use for the address, nil if none has been used yet.
	Pinned *PinnedKey
}

// KnownAddresses returns what is known of the addresses of a page, in their order, and whether there are more in the
// direction that the page goes. It looks each of them up, so with a directory that has no remote source nobody is asked.
func (d *Directory) KnownAddresses(ctx context.Context, p AddressPage) (all []Known, more bool, err error) {
	p.Search = strings.ToLower(p.Search)
	addresses, more, err := d.store.Addresses(ctx, store.AddressPage(p))
	if err != nil {
		return nil, false, err
	}
	ctx = AtOneMoment(ctx)
	for _, address := range addresses {
		known, err := d.KnownAddress(ctx, address)
		if err != nil {
			return nil, false, err
		}
		all = append(all, known)
	}
	return all, more, nil
}

// KnownAddress is [Directory.KnownAddresses] for one address, of which nothing need be known.
func (d *Directory) KnownAddress(ctx context.Context, address string) (Known, error) {
	addr, err := mail.ParsePath(address)
	if err != nil {
		return Known{}, err
	}
	known := Known{Address: addr.Key(), Answer: d.Lookup(ctx, addr)}
	switch p, err := d.store.Pin(ctx, addr.Key()); {
	case err == nil:
		known.Pinned = &PinnedKey{p.Address, p.Fingerprint, Level(p.Level), p.Source, p.Pinned}
	case !errors.Is(err, store.ErrNotFound):
		return Known{}, err
	}
	return known, nil
}

// CountAddresses returns for how many addresses a certificate is known.
func (d *Directory) CountAddresses(ctx context.Context) (int, error) {
	return d.store.CountAddresses(ctx)
}
