package doctor

import (
	"context"
	"fmt"
	"time"

	"sealmilter/internal/config"
	"sealmilter/keys"
)

// smime looks at the folder with recipients' certificates for S/MIME.
func (r *Report) smime(ctx context.Context, c *config.Config) {
	if c.Keys.SMIME == "" {
		return
	}
	s, err := keys.ReadSMIME(c.Keys.SMIME, func(file string, problem error) {
		r.add("warning", "S/MIME", file+": "+problem.Error(), "replace the file, or take it out of the folder")
	})
	if err != nil {
		r.fail("error", "S/MIME", err, "correct smime in [keys]")
		return
	}
	r.closed(ctx, "S/MIME", c.State, c.Keys.SMIME)
	for _, c := range s.Invalid(time.Now()) {
		r.add("warning", "S/MIME", fmt.Sprintf("the certificate of %q is valid from %s to %s only, so it does not count", c.Subject,
			c.NotBefore.Format(time.DateOnly), c.NotAfter.Format(time.DateOnly)), "put its successor into the folder, or take it out")
	}
	certificates, addresses := s.Len()
	r.add("ok", "S/MIME", fmt.Sprintf("certificates: %d, of addresses: %d", certificates, addresses), "")
}
