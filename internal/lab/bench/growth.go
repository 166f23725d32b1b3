package bench

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// recipients has the number of recipients grow.
func (r *run) recipients(ctx context.Context) error {
	for _, n := range r.extent.manyCopies {
		c := Case{Table: growRecipients, Key: commonKeys, Octets: commonSize, Recipients: n}
		if err := r.grow(ctx, c, onlyKeys, sealmilter, notShared, stockLibrary, onlyKeys); err != nil {
			return err
		}
	}
	return nil
}

// messages has the message grow.
func (r *run) messages(ctx context.Context) error {
	for _, octets := range r.extent.sizes {
		c := Case{Table: growMessage, Key: commonKeys, Octets: octets, Recipients: 1}
		if err := r.grow(ctx, c, sealmilter, sealmilter, stockLibrary); err != nil {
			return err
		}
	}
	return nil
}

// grow measures one case of those that grow.
func (r *run) grow(ctx context.Context, c Case, base string, series ...string) error {
	if !r.wanted(c) {
		return nil
	}
	p, err := r.known(r.extent.kinds[0])
	if err != nil {
		return err
	}
	own, err := inside(p, series...)
	if err != nil {
		return err
	}
	return r.seal(ctx, c, base, own)
}

// sessions has the number of messages grow that are in work at the same time, as many as there are sessions all the while.
// All are to one recipient.
func (r *run) sessions(ctx context.Context) error {
	c := Case{Table: growSessions, Key: commonKeys, Octets: commonSize, Recipients: 1}
	var b bout
	for _, n := range r.extent.sessions {
		c.Sessions = n
		b.entries = append(b.entries, entry{Case: c, series: sealmilter, part: 1})
	}
	if !r.wanted(b.cases()...) {
		return nil
	}
	p, err := r.known(r.extent.kinds[0])
	if err != nil {
		return err
	}
	own, err := newInsider(p, sealmilter)
	if err != nil {
		return err
	}
	l := newLetter(commonSize)
	for i := range b.entries {
		sessions := b.entries[i].Sessions
		b.entries[i].do = func(_ context.Context, n int) (usage, error) { return sealAtOnce(own, l, sessions, n) }
	}
	rows, err := r.bout(ctx, b)
	if err != nil {
		return err
	}
	for i := range rows {
		e := errand{People: p.dir, Series: sealmilter, Octets: commonSize, Recipients: 1, Sessions: rows[i].Sessions}
		if rows[i].Peak, err = r.peak(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// sealAtOnce seals a message as often as there are sessions, all at the same time, and again and again until it was sealed n
// times and five times in each session: while the first ones begin and the last ones end, not all are at work.
func sealAtOnce(s sealer, l *letter, sessions, n int) (usage, error) {
	each := max(5, n/sessions)
	u, err := inProcess(func() error {
		var group errgroup.Group
		for range sessions {
			group.Go(func() error {
				for range each {
					if err := s.sealOnce(l, 1); err != nil {
						return err
					}
				}
				return nil
			})
		}
		return group.Wait()
	})
	return u.scaled(float64(n) / float64(each*sessions)), err
}
