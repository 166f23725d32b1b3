package bench

import (
	"cmp"
	"crypto/rand"
	"io"
	"slices"
	"time"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
)

// ours is sealmilter: from the message as it was taken apart to the octets of all copies, in the order in which they
// leave. It is safe for concurrent use.
type ours struct {
	composer *pgpmime.Composer
	signer   *crypto.Signer
	people   *people
	share    bool
}

func newOurs(p *people, share bool) (*ours, error) {
	signer, err := p.author.Signer(time.Now())
	if err != nil {
		return nil, err
	}
	composer := &pgpmime.Composer{Sealer: &crypto.Sealer{Now: time.Now, Rand: rand.Reader}, Rand: rand.Reader}
	return &ours{composer, signer, p, share}, nil
}

func (o *ours) series() string {
	if !o.share {
		return notShared
	}
	return sealmilter
}

func (o *ours) most(octets int) int {
	if !o.share && octets >= largeMessages {
		return 10
	}
	return 0
}

func (o *ours) sealOnce(l *letter, recipients int) error {
	draft, err := o.composer.Prepare(l.message)
	if err != nil {
		return err
	}
	defer draft.Close()
	readers := make([]pgpmime.Reader, recipients)
	for i := range readers {
		readers[i].Cert = o.people.recipient(i)
	}
	copies, err := draft.Encrypt(o.signer, readers, crypto.EncryptOptions{Share: o.share})
	if err != nil {
		return err
	}
	slices.SortStableFunc(copies, func(a, b *pgpmime.Copy) int { return cmp.Compare(a.Class(), b.Class()) })
	for _, c := range copies {
		written := new(counter)
		if err := write(written, c); err != nil {
			return err
		}
		if err := written.holds(l); err != nil {
			return err
		}
	}
	return nil
}

// write writes a copy as it is on the wire.
func write(w io.Writer, c *pgpmime.Copy) error {
	if _, err := w.Write(append(c.Header.AppendTo(nil), "\r\n"...)); err != nil {
		return err
	}
	_, err := c.Body.WriteTo(w)
	return err
}
