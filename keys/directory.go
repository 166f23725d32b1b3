package keys

import (
	"context"
	"fmt"
	"sync"
	"time"

	"sealmilter/internal/mail"
	"sealmilter/internal/store"
)

// Directory answers which key an address has. It is safe for concurrent use.
type Directory struct {
	store   *store.Store
	sources []Source
	timeout time.Duration
	now     func() time.Time
	seen    sync.Map // addresses known to be in the store's record of seen ones
}

// NewDirectory returns a directory that asks sources, the most trusted first, and gives up on a lookup after timeout.
// Which addresses ever had a key is recorded in the store.
func NewDirectory(s *store.Store, sources []Source, timeout time.Duration, now func() time.Time) *Directory {
	d := &Directory{store: s, timeout: timeout, now: now}
	for _, source := range sources {
		if !ownWord(source) {
			source = &shared{Source: source, timeout: timeout}
		}
		d.sources = append(d.sources, source)
	}
	return d
}

// Lookup finds the key of an address. Every source in turn is asked for the address and then for the address without
// its "+tag". The first certificate that can be used is the answer, but not over the head of a more trusted source
// that did not answer: an attacker who can silence the one may be able to fill the other. Then, and if no source has
// a key and one did not answer, the answer is Unknown.
//
// However many ask for an address at the same time, a remote source is asked once.
func (d *Directory) Lookup(ctx context.Context, addr mail.Addr) Answer {
	q := inquiry{now: d.now()}
	inTime, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	for _, source := range d.sources {
		if mayAsk(source, addr) && q.ask(inTime, source, addr) {
			break
		}
	}
	answer := q.answer()
	// What was seen counts even if the time is over.
	ctx = context.WithoutCancel(ctx)
	if answer.Status == Found {
		answer.SeenBefore = true
		if err := d.markSeen(ctx, addr); err != nil {
			answer.Trace = append(answer.Trace, Step{Address: addr.String(), Detail: err.Error()})
		}
	} else if !answer.SeenBefore {
		answer.SeenBefore = d.seenBefore(ctx, addr)
	}
	return answer
}

// mayAsk reports whether a source can know anything of addr, and may. Nobody outside is asked about mailboxes of
// this host and of address literals.
func mayAsk(source Source, addr mail.Addr) bool {
	return ownWord(source) || addr.Domain() != "" && !addr.IsLiteral()
}

// ownWord reports whether what the source says is the administrator's own word, which needs no proof.
func ownWord(source Source) bool {
	_, local := source.(*Local)
	return local
}

// markSeen records that addr has a key.
func (d *Directory) markSeen(ctx context.Context, addr mail.Addr) error {
	if _, known := d.seen.Load(addr.Key()); known {
		return nil
	}
	seen, err := d.store.Seen(ctx, addr.Key())
	if err == nil && !seen {
		err = d.store.MarkSeen(ctx, addr.Key(), d.now())
	}
	if err != nil {
		return fmt.Errorf("record that a key was seen: %w", err)
	}
	d.seen.Store(addr.Key(), struct{}{})
	return nil
}

// seenBefore reports whether addr, with or without its tag, ever had a key. If nobody can tell, it may have.
func (d *Directory) seenBefore(ctx context.Context, addr mail.Addr) bool {
	for _, form := range forms(addr) {
		if seen, err := d.store.Seen(ctx, form.Key()); seen || err != nil {
			return true
		}
	}
	return false
}
