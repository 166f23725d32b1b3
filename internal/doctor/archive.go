package doctor

import (
	"context"
	"time"

	"sealmilter/internal/config"
	"sealmilter/internal/premises"
)

// archive looks at the certificate of the archive.
func (r *Report) archive(ctx context.Context, c *config.Config) {
	const topic = "archive"
	archive, err := premises.ReadArchive(c.Crypto)
	if err != nil {
		r.fail("error", topic, err, "put the certificate there again, or correct archive_certificate in [crypto]")
		return
	}
	if archive == nil {
		return
	}
	if r.closed(ctx, topic, c.State, c.Crypto.ArchiveCertificate) {
		return
	}
	mend := "put its successor, or the same one with a later expiry, into " + c.Crypto.ArchiveCertificate + " and reload sealmilter"
	switch text, unusable := premises.ArchiveTrouble(archive, time.Now()); {
	case unusable:
		r.add("error", topic, text+"; what is to be encrypted is put off", mend)
	case text != "":
		r.add("warning", topic, text+"; then what is to be encrypted is put off", mend)
	default:
		r.add("ok", topic, "every encrypted copy is encrypted to "+archive.Fingerprint()+", too", "")
	}
}
