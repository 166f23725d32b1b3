package bench

import "context"

// copies has everybody seal messages: the table of them all.
func (r *run) copies(ctx context.Context) error {
	for _, k := range r.extent.kinds {
		var all []contender
		for _, octets := range r.extent.octets {
			for _, recipients := range r.extent.recipients {
				c := Case{Table: copies, Key: k.name, Octets: octets, Recipients: recipients}
				if !r.wanted(c) {
					continue
				}
				if all == nil {
					p, err := r.known(k)
					if err != nil {
						return err
					}
					if all, err = r.contenders(ctx, p); err != nil {
						return err
					}
				}
				if err := r.seal(ctx, c, sealmilter, all); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// contenders are all that there are. The programs are asked for their versions.
func (r *run) contenders(ctx context.Context, p *people) ([]contender, error) {
	own, err := inside(p, onlyKeys, sealmilter, notShared, stockLibrary)
	if err != nil {
		return nil, err
	}
	gpg, ring, err := newGPG(ctx, r.Fetching, p)
	if err != nil {
		return nil, err
	}
	r.close = append(r.close, ring.Close)
	sq, err := newSq(ctx, r.tree, p)
	if err != nil {
		return nil, err
	}
	rnp, err := newRNP(ctx, r.tree, p)
	if err != nil {
		return nil, err
	}
	l, err := writeLetter(p.dir, commonSize)
	if err != nil {
		return nil, err
	}
	for _, program := range []*program{gpg, sq, rnp} {
		if err := program.check(ctx, l); err != nil {
			return nil, err
		}
		r.result.Versions[program.name] = program.version
		own = append(own, program)
	}
	return own, nil
}

// inside are the contenders of this process.
func inside(p *people, series ...string) ([]contender, error) {
	var all []contender
	for _, name := range series {
		c, err := newInsider(p, name)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

// seal has contenders seal one message to recipients, in turns, and measures the memory of each.
func (r *run) seal(ctx context.Context, c Case, base string, contenders []contender) error {
	if !r.wanted(c) {
		return nil
	}
	dir := r.people[c.Key].dir
	l, err := writeLetter(dir, c.Octets)
	if err != nil {
		return err
	}
	var b bout
	for i, of := range contenders {
		if of.series() == base {
			b.base = i
		}
		made := c.Recipients
		if most := of.most(c.Octets); most != 0 {
			made = min(made, most)
		}
		do := func(ctx context.Context, n int) (usage, error) { return of.seal(ctx, l, made, n) }
		b.entries = append(b.entries, entry{c, of.series(), do, float64(made) / float64(c.Recipients)})
	}
	rows, err := r.bout(ctx, b)
	if err != nil {
		return err
	}
	for i, of := range contenders {
		made := int(b.entries[i].part*float64(c.Recipients) + 0.5)
		job := errand{People: dir, Series: of.series(), Octets: c.Octets, Recipients: made}
		if p, is := of.(*program); is {
			job = errand{Command: p.command(ctx, l, 0).Args, Environment: p.command(ctx, l, 0).Env, Input: l.path}
		}
		if rows[i].Peak, err = r.peak(ctx, job); err != nil {
			return err
		}
	}
	return nil
}
