package doctor

import (
	"context"
	"errors"
	"strings"

	"sealmilter/internal/mail"
	"sealmilter/internal/premises"
	"sealmilter/keys"
)

// siteKeys looks at the keys that sign for authors who have none: mail of theirs waits until each can sign.
func (r *Report) siteKeys(ctx context.Context, i *premises.State) {
	tried := map[mail.Addr]bool{}
	for _, site := range i.Config.Senders.SiteKeys {
		if tried[site.Key] {
			continue
		}
		tried[site.Key] = true
		topic, generate := "site key "+site.Key.String(), "sealmilter keys generate "+site.Key.String()
		switch signer, err := i.Senders.Signer(ctx, site.Key); {
		case errors.Is(err, keys.ErrNoSecretKey):
			r.add("error", topic, "the key is missing, so mail that it is to sign is put off", generate)
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
