package bench

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/lab/bench/stock"
)

// contender is one way to seal a message. One goroutine at a time may use it.
type contender interface {
	series() string
	// most is how many copies it makes of a message of that size, 0 for as many as there are recipients: copies beyond that
	// take too long, and cost the same.
	most(octets int) int
	// seal makes copies of a message for that many recipients, and throws them away, that many times.
	seal(ctx context.Context, l *letter, recipients, times int) (usage, error)
}

// sealer is a contender within this process.
type sealer interface {
	series() string
	most(octets int) int
	sealOnce(l *letter, recipients int) error
}

// insider makes a contender of a sealer.
type insider struct{ sealer }

func (i insider) seal(ctx context.Context, l *letter, recipients, times int) (usage, error) {
	return inProcess(func() error {
		for range times {
			if err := errors.Join(ctx.Err(), i.sealOnce(l, recipients)); err != nil {
				return err
			}
		}
		return nil
	})
}

// newInsider returns the one of a series.
func newInsider(p *people, series string) (insider, error) {
	var s sealer
	var err error
	switch series {
	case sealmilter, notShared:
		s, err = newOurs(p, series == sealmilter)
	case onlyKeys, stockLibrary:
		s, err = newLibrary(p, series == onlyKeys)
	default:
		err = fmt.Errorf("no contender %q", series)
	}
	return insider{s}, err
}

// The series of those that are not programs.
const (
	sealmilter    = "sealmilter"
	notShared     = "sealmilter, share = false"
	stockLibrary  = "go-crypto"
	onlyKeys      = "only session-key packets"
	throughGnuPG  = "gpg"
	throughSq     = "sq"
	throughRNP    = "rnp"
	largeMessages = 8 << 20 // octets, from where on a copy takes long
)

// counter throws away what is written to it.
type counter struct{ octets int64 }

func (c *counter) Write(b []byte) (int, error) {
	c.octets += int64(len(b))
	return len(b), nil
}

// ours is sealmilter: from the message as it was taken apart to the octets of all copies, in the order in which they leave.
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
	draft, err := o.composer.Prepare(l.message())
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
		if err := write(new(counter), c); err != nil {
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

// library is go-crypto, each copy by itself, or only as far as the session-key packets.
type library struct {
	author     *stock.Key
	recipients []*stock.Key
	onlyKeys   bool
	sessionKey []byte
}

func newLibrary(p *people, onlyKeys bool) (*library, error) {
	secret, err := p.author.Bytes()
	if err != nil {
		return nil, err
	}
	l := &library{onlyKeys: onlyKeys, sessionKey: make([]byte, 32)}
	if _, err := rand.Read(l.sessionKey); err != nil {
		return nil, err
	}
	if l.author, err = stock.NewKey(secret, time.Now()); err != nil {
		return nil, err
	}
	for _, cert := range p.recipients {
		key, err := stock.NewKey(cert.Bytes(), time.Now())
		if err != nil {
			return nil, err
		}
		l.recipients = append(l.recipients, key)
	}
	return l, nil
}

func (l *library) series() string {
	if l.onlyKeys {
		return onlyKeys
	}
	return stockLibrary
}

func (l *library) most(octets int) int {
	switch {
	case l.onlyKeys:
		return 0
	case octets >= largeMessages:
		return 1
	case octets >= 100<<10:
		return 10
	default:
		return 20
	}
}

func (l *library) sealOnce(of *letter, recipients int) error {
	for i := range recipients {
		var err error
		to := l.recipients[i%len(l.recipients)]
		if l.onlyKeys {
			err = stock.SessionKeyPacket(new(counter), to, l.sessionKey, time.Now())
		} else {
			err = stock.Seal(new(counter), l.author, to, of.raw, time.Now())
		}
		if err != nil {
			return err
		}
	}
	return nil
}
