package bench

import (
	"context"
	"errors"
	"fmt"
)

// The series of the table of copies.
const (
	sealmilter   = "sealmilter"
	notShared    = "sealmilter, share = false"
	onlyKeys     = "only session-key packets"
	stockLibrary = "go-crypto"
	throughGnuPG = "gpg"
	throughSq    = "sq"
	throughRNP   = "rnp"
)

// contender is one way to seal a message.
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

// largeMessages are those of which a copy takes long, in octets.
const largeMessages = 8 * mb

// counter throws away what is written to it.
type counter struct{ octets int }

func (c *counter) Write(b []byte) (int, error) {
	c.octets += len(b)
	return len(b), nil
}

// holds fails unless there was room in what was written for the message in base64.
func (c *counter) holds(l *letter) error {
	if c.octets < len(l.raw)/3*4 {
		return fmt.Errorf("a copy of %d octets of a message of %d", c.octets, len(l.raw))
	}
	return nil
}
