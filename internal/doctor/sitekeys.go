package doctor

import (
	"context"
	"errors"
	"slices"
	"strings"

	"sealmilter/internal/config"
	"sealmilter/internal/premises"
	"sealmilter/internal/shell"
	"sealmilter/keys"
)

const siteKeyTopic = "site key "

// siteKeys looks at the keys that sign for authors who have none: mail of theirs waits until each can sign.
func (r *Report) siteKeys(ctx context.Context, i *premises.State) {
	for _, site := range siteKeys(i.Config) {
		topic := siteKeyTopic + site.Key.String()
		switch signer, err := i.Senders.Signer(ctx, site.Key); {
		case errors.Is(err, keys.ErrNoSecretKey):
			r.noSiteKey(site)
		case err != nil:
			r.add("error", topic, "the key cannot sign, so mail that it is to sign is put off: "+err.Error(), signerMend(i.Config, err, site.Key.String()))
		default:
			var from []string
			for _, p := range site.From {
				from = append(from, p.String())
			}
			r.add("ok", topic, "the key "+signer.Cert().Fingerprint()+" can sign for "+strings.Join(from, ", "), "")
		}
	}
}

// siteKeys returns the site keys of a configuration, each once.
func siteKeys(c *config.Config) []config.SiteKey {
	var all []config.SiteKey
	for _, site := range c.Senders.SiteKeys {
		if !slices.ContainsFunc(all, func(s config.SiteKey) bool { return s.Key == site.Key }) {
			all = append(all, site)
		}
	}
	return all
}

func (r *Report) noSiteKey(site config.SiteKey) {
	r.add("error", siteKeyTopic+site.Key.String(), "the key is missing, so mail that it is to sign is put off", "sealmilter keys generate "+shell.Quote(site.Key.String()))
}
