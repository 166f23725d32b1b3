package gate

import (
	"errors"
	"fmt"

	"sealmilter/crypto"
	"sealmilter/internal/event"
	"sealmilter/internal/mail"
)

// archive returns the certificate to which every copy is encrypted, too, nil if the configuration names none. The error
// says why nothing can be encrypted to it, and so to nobody.
func (g *Gate) archive() (*crypto.Cert, error) {
	switch {
	case g.Config.Crypto.ArchiveCertificate == "":
		return nil, nil
	case g.Archive == nil:
		return nil, errors.New("the certificate of the archive has not been read; reload sealmilter")
	}
	if err := g.Archive.Check(g.Now()); err != nil {
		return nil, fmt.Errorf("certificate %s of the archive: %w; put a valid one into %s and reload sealmilter",
			g.Archive.Fingerprint(), err, g.Config.Crypto.ArchiveCertificate)
	}
	return g.Archive, nil
}

// holdForArchive puts off what is to be encrypted while the archive could not read it: what was sent without the archive
// can never be made readable to it.
func (g *Gate) holdForArchive(env *mail.Envelope, p *Plan) {
	_, err := g.archive()
	if err == nil {
		return
	}
	held := 0
	for i := range p.Decisions {
		d := &p.Decisions[i]
		if d.Do == Encrypt {
			d.Do, d.verdict = Defer, archiveUnusable
			d.Cert, d.Source, d.Level = nil, "", 0
			d.Why = d.reason(p.Author)
			held++
		}
	}
	if held > 0 {
		event.ArchiveHolds.Log(g.Log, event.QueueID(env.QueueID), event.Count(int64(held)), event.Err(err))
	}
}
