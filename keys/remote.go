package keys

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"golang.org/x/sync/singleflight"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
	"sealmilter/internal/store"
)

// outcome is what a source said of an address. The numbers are in the store. The zero outcome decides nothing.
type outcome uint8

const (
	unanswered outcome = iota
	noService
	noKey
	found
)

// reply is what a source says of an address, now or some time ago.
type reply struct {
	outcome outcome
	// certs are as they are in the store: with what other sources know of them, revocations above all.
	certs []*crypto.Cert
	// given are the certificates as the source has just given them, by fingerprint; nil for an older reply.
	given  map[string]*crypto.Cert
	detail string // for people
	// asked is when the source said so; the zero time for one that is not remote.
	asked time.Time
	// changed is when the store last changed one of certs; the zero time if they come from the source itself.
	changed time.Time
	// expires is until when the reply counts; the zero time if only the store's generation ends it.
	expires time.Time
}

// asker is a source as the directory sees it.
type asker interface {
	Name() string
	// ask returns what the source says of addr. Fresh demands an answer of now.
	ask(ctx context.Context, addr mail.Addr, fresh bool) reply
}

// remote asks a source outside and remembers in the store what it said.
type remote struct {
	Source
	directory *Directory
	flights   singleflight.Group
	outages   outages
}

// recordTime bounds the writing of an answer, for which nobody waits any more when the time of the lookup is over.
const recordTime = 15 * time.Second

// ask takes what the source said before as long as that counts. What a clock said that was ahead does not count.
//
// However many ask for an address at the same time, the source is asked once.
func (r *remote) ask(ctx context.Context, addr mail.Addr, fresh bool) reply {
	now := r.directory.now()
	last, err := r.directory.store.Lookup(ctx, addr.Key(), r.Name())
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return reply{detail: err.Error()}
	}
	if !fresh && now.Before(last.Expires) && !now.Before(last.Asked) {
		kept, err := r.kept(ctx, addr, last)
		if err != nil {
			return reply{detail: err.Error()}
		}
		if outcome(last.Outcome) != found || !kept.overtaken(now) {
			return kept
		}
	}
	// Somebody else's flight for the same address may have landed just now; asking once more does no harm.
	flight := r.flights.DoChan(addr.Key(), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.directory.options.Timeout)
		defer cancel()
		return r.fly(ctx, addr), nil
	})
	select {
	case landed := <-flight:
		return landed.Val.(reply)
	case <-ctx.Done():
		return reply{detail: fmt.Sprintf("no answer in time: %v", ctx.Err())}
	}
}

// overtaken reports whether certificates that the source gave have to come anew though their time is not over: they
// were removed, or have expired or been revoked since. The source may have the next ones by now.
func (k reply) overtaken(now time.Time) bool {
	if anyUsable(k.certs, now) {
		return false
	}
	return len(k.certs) == 0 || k.changed.After(k.asked) || anyUsable(k.certs, k.asked)
}

func anyUsable(certs []*crypto.Cert, now time.Time) bool {
	for _, cert := range certs {
		if cert.Check(now) == nil {
			return true
		}
	}
	return false
}

// kept returns what the store has of a reply.
func (r *remote) kept(ctx context.Context, addr mail.Addr, last store.Lookup) (reply, error) {
	kept := reply{outcome: outcome(last.Outcome), detail: last.Detail, asked: last.Asked, expires: last.Expires}
	if kept.outcome != found {
		return kept, nil
	}
	rows, err := r.directory.store.CertificatesFor(ctx, addr.Key(), r.Name())
	if err != nil {
		return reply{}, err
	}
	for _, row := range rows {
		cert, err := r.directory.certs.parse(row.Certificate)
		if err != nil {
			return reply{}, err
		}
		if !carries(cert, addr.Key()) {
			continue
		}
		kept.certs = append(kept.certs, cert)
		if row.Updated.After(kept.changed) {
			kept.changed = row.Updated
		}
	}
	if len(kept.certs) == 0 {
		// An administrator has removed them, or their owner the User ID: whatever the source says has to come anew.
		kept.outcome = unanswered
	}
	return kept, nil
}

// fly asks the source and records what it said.
func (r *remote) fly(ctx context.Context, addr mail.Addr) (result reply) {
	// All this works on what strangers have written, and nobody else can recover from a panic on this goroutine.
	defer func() {
		if p := recover(); p != nil {
			result = reply{detail: fmt.Sprintf("its answer could not be dealt with: %v", p)}
		}
	}()
	started := r.directory.now()
	certs, err := r.lookup(ctx, addr)
	answer := r.read(addr, certs, err)
	r.directory.observer.Asked(r.Name(), answer.outcome.status(), r.directory.now().Sub(started))

	heard, err := r.announcement(ctx, addr, answer.outcome)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	if err != nil {
		return reply{detail: err.Error()}
	}
	recorded, err := r.record(ctx, addr, answer, heard)
	if err != nil {
		return reply{detail: fmt.Sprintf("what it said could not be recorded: %v", err)}
	}
	return recorded
}

// lookup holds a source to its contract.
func (r *remote) lookup(ctx context.Context, addr mail.Addr) (certs []*crypto.Cert, err error) {
	// That a source fails is its answer, and recorded as such.
	defer func() {
		if p := recover(); p != nil {
			certs, err = nil, fmt.Errorf("the source failed: %v", p)
		}
	}()
	place := r.place(addr)
	if err := r.outages.at(place, r.directory.now(), r.directory.options.Retry); err != nil {
		return nil, err
	}
	certs, err = r.Source.Lookup(ctx, addr)
	r.outages.note(place, err, r.directory.now())
	if err == nil && len(certs) == 0 {
		return nil, errors.New("it gave neither a certificate nor an answer")
	}
	return certs, err
}

// place is what fails as one: the server of the recipient's domain, or the one server of a source.
func (r *remote) place(addr mail.Addr) string {
	if _, own := r.Source.(DomainSource); own {
		return addr.Domain()
	}
	return ""
}

// read turns what the source returned into a reply. Certificates count only with a valid User ID for the address, and
// are reduced to that: a source that knows of an address need not be believed about another.
func (r *remote) read(addr mail.Addr, certs []*crypto.Cert, err error) reply {
	answer := reply{asked: r.directory.now()}
	switch {
	case errors.Is(err, ErrNotFound):
		answer.outcome, answer.detail = noKey, "no key"
	case errors.Is(err, ErrNoService):
		answer.outcome, answer.detail = noService, err.Error()
	case err != nil:
		answer.detail = err.Error()
	default:
		answer.given = make(map[string]*crypto.Cert, len(certs))
		for _, cert := range certs {
			if reduced, err := cert.For(addr); err == nil {
				answer.certs = append(answer.certs, reduced)
				answer.given[cert.Fingerprint()] = cert
			}
		}
		answer.outcome, answer.detail = found, "found"
		if len(answer.certs) == 0 {
			answer.outcome, answer.detail = noKey, "it gave only certificates for other addresses"
		}
	}
	answer.detail = oneLine(answer.detail)
	return answer
}

// oneLine makes what may quote a stranger fit to be shown and stored.
func oneLine(text string) string {
	const most = 300
	runes := []rune(strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text))
	if len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return string(runes)
}

func (o outcome) status() Status {
	switch o {
	case found:
		return Found
	case noKey, noService:
		return None
	default:
		return Unknown
	}
}

// lifetime is how long a reply counts.
func (r *remote) lifetime(answer reply) time.Duration {
	switch {
	case answer.outcome == found && anyUsable(answer.certs, answer.asked):
		return r.directory.options.Fresh
	case answer.outcome == found, answer.outcome == noKey, answer.outcome == noService:
		return r.directory.options.Absent
	default:
		return r.directory.options.Retry
	}
}
