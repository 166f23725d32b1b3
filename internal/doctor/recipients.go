package doctor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sealmilter/internal/config"
	"sealmilter/internal/premises"
)

// outlookTime bounds the look at every certificate. A thousand take less than a second.
const outlookTime = 10 * time.Second

// recipients looks at the certificates to which mail is encrypted.
func (r *Report) recipients(ctx context.Context, i *premises.State) {
	for range i.Store.Certificates(ctx) {
		r.outlook(ctx, i)
		return
	}
	r.noRecipient(i.Config)
}

// outlook says to how many addresses nothing can be encrypted soon, or already. Certificates that were imported nobody else looks
// after; those from elsewhere are asked for anew by the daemon, and need their owners.
func (r *Report) outlook(ctx context.Context, i *premises.State) {
	const topic = "recipients"
	limited, cancel := context.WithTimeout(ctx, outlookTime)
	defer cancel()
	var addresses, imported, others int
	for p, err := range i.Local.Prospects(limited) {
		switch {
		case err != nil && limited.Err() != nil && ctx.Err() == nil:
			r.add("warning", topic, fmt.Sprintf("%v was not enough to look at all certificates", outlookTime), "sealmilter keys list --expiring")
			return
		case err != nil:
			r.fail("error", topic, err, "restore the database from a backup")
			return
		case p.Err == nil && !p.Expiring(time.Now()):
		case p.Source == "local":
			imported++
		default:
			others++
		}
		addresses++
	}
	const short = "certificates that end within 30 days or cannot be used"
	text := fmt.Sprintf("addresses with a certificate: %d", addresses)
	if others > 0 {
		text += fmt.Sprintf("; %d from elsewhere are %s, and are asked for anew", others, short)
	}
	if imported == 0 {
		r.add("ok", topic, text, "")
		return
	}
	r.add("warning", topic, fmt.Sprintf("%s; %d imported ones are %s", text, imported, short),
		"sealmilter keys list --expiring; ask their owners for new ones, then sealmilter keys import FILE")
}

// noRecipient says what it means that the database has no certificate.
func (r *Report) noRecipient(c *config.Config) {
	if !slices.Contains(modes(c), config.Require) || !slices.Equal(c.Keys.Sources, []string{"local"}) {
		return
	}
	r.add("warning", keysTopic, "mode require wants a key, the only source is local, and it holds no certificate: all such mail is refused",
		`sealmilter keys import FILE, or add "wkd" to sources in [keys]`)
}
