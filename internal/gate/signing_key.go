package gate

import (
	"context"
	"errors"
	"fmt"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
	"sealmilter/internal/shell"
	"sealmilter/keys"
)

// authorKey fills in whose key signs and returns the state of that key, with the reason if it is unknown.
func (g *Gate) authorKey(ctx context.Context, p *Plan, m *mail.Message, automatic bool) (signing, error) {
	senders := g.Config.Senders
	switch {
	case p.redistributed:
		c := claimantOf(p.Origin, m.Envelope)
		for _, by := range redistributors(m, func(a mail.Addr) bool { return c.mayUse(senders, a) }) {
			if key := siteKeyFor(senders, by); !key.IsNull() {
				return g.useSiteKey(ctx, p, key)
			}
		}
		return signingDeclined, nil
	case p.Author.IsNull() && automatic:
		return signingWaived, nil
	}
	signer, err := g.Signers.Signer(ctx, p.Author)
	switch {
	case err == nil:
		p.signer, p.Signer = signer, p.Author
		return signingReady, nil
	case !errors.Is(err, keys.ErrNoSecretKey):
		p.Signer = p.Author
		return signingUnknown, err
	}
	if key := siteKeyFor(senders, p.Author); !key.IsNull() {
		return g.useSiteKey(ctx, p, key)
	}
	if automatic {
		return signingWaived, nil
	}
	switch senders.MissingKey {
	case config.GenerateKey:
		p.generate, p.Signer = true, p.Author
		return signingReady, nil
	case config.EncryptOnly:
		return signingUnneeded, nil
	default:
		return signingMissing, nil
	}
}

// siteKeyFor returns the address whose key signs for another one that has no key, the null address for none.
func siteKeyFor(senders config.Senders, addr mail.Addr) mail.Addr {
	if addr.IsNull() {
		return mail.Addr{}
	}
	for _, site := range senders.SiteKeys {
		if len(site.From) > 0 && matches(site.From, addr) {
			return site.Key
		}
	}
	return mail.Addr{}
}

// useSiteKey has a site key sign. One that is missing is no reason to send anything without a signature: it is mended, and
// the client tries again.
func (g *Gate) useSiteKey(ctx context.Context, p *Plan, key mail.Addr) (signing, error) {
	p.Signer = key
	signer, err := g.Signers.Signer(ctx, key)
	switch {
	case err == nil:
		p.signer = signer
		return signingReady, nil
	case errors.Is(err, keys.ErrNoSecretKey):
		return signingUnknown, fmt.Errorf("the site key of %s is missing, which this command makes: sealmilter keys generate %s: %w", key, shell.Arguments(key.String()), err)
	default:
		return signingUnknown, fmt.Errorf("the site key of %s cannot sign: %w", key, err)
	}
}
