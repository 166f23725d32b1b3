package keys

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"sealmilter/internal/mail"
	"sealmilter/internal/store"
)

// Options say how a [Directory] works. The zero value of a duration means its default.
type Options struct {
	// Timeout ends a lookup; 8 seconds.
	Timeout time.Duration
	// Fresh is how long a certificate from a remote source is used before the source is asked again; a day.
	Fresh time.Duration
	// Absent is how long a source's "no key" counts; an hour.
	Absent time.Duration
	// Retry is how long a source that did not answer is left alone; a minute.
	Retry time.Duration
	// Refresh is how often the certificates in use are asked about in the background, about; a day.
	Refresh time.Duration
	// Map leads from addresses to those under which their keys are found.
	Map Mapping
	// Peek makes lookups leave no trace but in the cache: nothing is pinned, and no conflict recorded.
	Peek bool
	// Now is the clock.
	Now func() time.Time
	// Observer is told what happens; nil for nobody.
	Observer Observer
}

// Directory answers which key an address has. It is safe for concurrent use, and other processes may work on the same
// store.
type Directory struct {
	store    *store.Store
	sources  []asker
	options  Options
	now      func() time.Time
	observer Observer
	certs    *certCache
	memory   memory
}

// NewDirectory returns a directory that asks sources, the most trusted first. What they say, which certificate was
// first used for an address, and which addresses ever had one is kept in the store. The certificates that it has parsed it
// shares with a [Local] among the sources, and keeps them with that one when it is gone itself.
func NewDirectory(s *store.Store, sources []Source, o Options) *Directory {
	for value, otherwise := range map[*time.Duration]time.Duration{
		&o.Timeout: 8 * time.Second,
		&o.Fresh:   24 * time.Hour,
		&o.Absent:  time.Hour,
		&o.Retry:   time.Minute,
		&o.Refresh: 24 * time.Hour,
	} {
		if *value == 0 {
			*value = otherwise
		}
	}
	d := &Directory{store: s, options: o, now: o.Now, observer: o.Observer, certs: newCertCache()}
	if d.observer == nil {
		d.observer = nobody{}
	}
	for _, source := range sources {
		if local, own := source.(*Local); own {
			d.sources, d.certs = append(d.sources, local), local.certs
			continue
		}
		d.sources = append(d.sources, &remote{Source: source, directory: d})
	}
	return d
}

// Lookup finds the key of an address. Every source in turn is asked for the address and then for the address without
// its "+tag". The first certificate that can be used is pinned: as long as it is valid, another takes its place only
// by the rules of trust, and it stays in use when its source no longer answers. What is pinned for the address with its
// tag comes before what there is for the address without.
//
// Without a pin the first certificate is the answer, but not over the head of a more trusted source that did not
// answer: an attacker who can silence the one may be able to fill the other. Then, and if no source has a key and one
// did not answer, the answer is Unknown.
//
// However many ask for an address at the same time, a remote source is asked once.
func (d *Directory) Lookup(ctx context.Context, addr mail.Addr) Answer {
	generation, err := generationAt(ctx, d.store)
	if err != nil {
		return unreadable(addr, err)
	}
	now := d.now()
	if answer, known := d.memory.get(generation, now, addr.Key()); known {
		return answer
	}
	answer, expires := d.lookup(ctx, addr, generation)
	if answer.Status != Unknown {
		d.memory.put(generation, now, addr.Key(), answer, expires)
	}
	return answer
}

// lookup also returns when the answer ends to count; the zero time if only a change in the store ends it.
func (d *Directory) lookup(ctx context.Context, addr mail.Addr, generation int64) (Answer, time.Time) {
	q, err := d.inquire(ctx, addr, generation)
	if err != nil {
		return unreadable(addr, err), time.Time{}
	}
	// What was found counts even if the time is over.
	ctx = context.WithoutCancel(ctx)
	answer, err := q.conclude(ctx)
	if err != nil {
		return unreadable(addr, err), time.Time{}
	}
	switch seen := answer.Status == Found || q.found != nil; {
	case seen && !d.options.Peek:
		answer.SeenBefore = true
		// Whoever writes to the address without its tag, or to that which it is mapped to, has to know of it, too.
		for _, a := range []mail.Addr{addr, q.forms[q.form]} {
			if err := d.markSeen(ctx, a); err != nil {
				return unreadable(addr, err), time.Time{}
			}
		}
	default:
		answer.SeenBefore = answer.SeenBefore || seen || d.seenBefore(ctx, q.forms) || d.seenBefore(ctx, []mail.Addr{addr})
	}
	answer.Announced = answer.Status != Found && d.announced(ctx, q.forms)
	if answer.Status == None {
		// A certificate may become valid without anybody's doing.
		q.countUntil(q.now.Add(d.options.Retry))
	}
	return answer, q.expires
}

// unreadable is the answer when the store cannot be used. The address may well have a key.
func unreadable(addr mail.Addr, err error) Answer {
	return Answer{Why: fmt.Sprintf("the key directory cannot be read: %v", err), SeenBefore: true,
		Trace: []Step{{Address: addr.String(), Detail: err.Error()}}}
}

// markSeen records that addr has a key.
func (d *Directory) markSeen(ctx context.Context, addr mail.Addr) error {
	seen, err := d.store.Seen(ctx, addr.Key())
	if err == nil && !seen {
		err = d.store.MarkSeen(ctx, addr.Key(), d.now())
	}
	if err != nil {
		return fmt.Errorf("record that a key was seen: %w", err)
	}
	return nil
}

// seenBefore reports whether one of the addresses ever had a key. If nobody can tell, it may have.
func (d *Directory) seenBefore(ctx context.Context, forms []mail.Addr) bool {
	for _, form := range forms {
		if seen, err := d.store.Seen(ctx, form.Key()); seen || err != nil {
			return true
		}
	}
	return false
}

// announced reports whether the domain of one of the addresses ever served or announced keys. If nobody can tell, it
// may have.
func (d *Directory) announced(ctx context.Context, forms []mail.Addr) bool {
	for _, form := range forms {
		if serves, err := d.store.Serves(ctx, form.Domain()); serves || err != nil {
			return true
		}
	}
	return false
}

// nextRefresh is when a certificate that was asked about now is asked about again. The time is drawn by chance, so
// that the questions tell nobody when mail was sent and which correspondents belong together.
func (d *Directory) nextRefresh() time.Time {
	half := d.options.Refresh / 2
	return d.now().Add(half + rand.N(half+1))
}
