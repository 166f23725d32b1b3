package gate

import (
	"context"
	"errors"
	"fmt"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
	"sealmilter/keys"
)

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
		return signingUnknown, fmt.Errorf("the site key of %s is missing, which this command makes: sealmilter keys generate %s: %w", key, key, err)
	default:
		return signingUnknown, fmt.Errorf("the site key of %s cannot sign: %w", key, err)
	}
}
