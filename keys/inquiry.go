package keys

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sealmilter/crypto"
	"sealmilter/internal/mail"
	"sealmilter/internal/store"
)

// inquiry is one lookup on its way from source to source.
type inquiry struct {
	directory *Directory
	now       time.Time
	forms     []mail.Addr
	// generation is that of the store before anything was read.
	generation int64
	// pins are those of the forms; nil for none.
	pins  []*pinned
	trace []Step
	// silent names the sources that did not answer.
	silent []string
	// unusable says of certificates why they cannot be used.
	unusable []string
	// expires is when the first of the replies ends to count; the zero time if none does.
	expires time.Time

	// found is what the first source that has a usable certificate gives, for forms[form].
	found *candidate
	form  int
}

// pinned is a pin with its certificate.
type pinned struct {
	candidate
	pin store.Pin
}

// inquire asks every source in turn for each form of the address, until one has a certificate that can be used.
func (d *Directory) inquire(ctx context.Context, addr mail.Addr, generation int64) (*inquiry, error) {
	q := &inquiry{directory: d, now: d.now(), forms: d.options.Map.forms(addr), generation: generation}
	if err := q.loadPins(context.WithoutCancel(ctx)); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, d.options.Timeout)
	defer cancel()
	for _, source := range d.sources {
		if q.ask(ctx, source) {
			break
		}
	}
	return q, nil
}

// loadPins reads the pins of the forms. A pin whose certificate is gone is none.
func (q *inquiry) loadPins(ctx context.Context) error {
	q.pins = make([]*pinned, len(q.forms))
	for i, form := range q.forms {
		pin, err := q.directory.store.Pin(ctx, form.Key())
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err == nil {
			q.pins[i], err = pinnedBy(ctx, q.directory.store, q.directory.certs, pin)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// certificates is where certificates and what they serve are read: the store, or a transaction of it.
type certificates interface {
	Certificate(ctx context.Context, fingerprint string) (store.Certificate, error)
	Assigned(ctx context.Context, fingerprint, address string) (bool, error)
}

// pinnedBy reads the certificate of a pin; nil if that is gone.
func pinnedBy(ctx context.Context, from certificates, parsed *certCache, pin store.Pin) (*pinned, error) {
	row, err := from.Certificate(ctx, pin.Fingerprint)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	cert, err := parsed.parse(row)
	if err != nil {
		return nil, err
	}
	held := &pinned{candidate{cert: cert, level: Level(pin.Level), source: pin.Source, former: strings.Fields(pin.Former)}, pin}
	serving, err := serves(ctx, from, cert, pin.Address)
	if err != nil {
		return nil, err
	}
	held.disowned = !serving
	return held, nil
}

// ask asks one source and reports whether the inquiry has come to its end.
func (q *inquiry) ask(ctx context.Context, source asker) bool {
	for i, form := range q.forms {
		if !mayAsk(source, form) {
			continue
		}
		answer := reply{detail: "not asked, the time for the lookup is over"}
		if ctx.Err() == nil {
			answer = source.ask(ctx, form, false)
		}
		if end := q.take(source, i, answer); end {
			return true
		}
		if answer.outcome == unanswered {
			return false
		}
	}
	return false
}

// take notes what a source says of a form, and reports whether it has a certificate that can be used.
func (q *inquiry) take(source asker, form int, answer reply) bool {
	addr := q.forms[form]
	q.countUntil(answer.expires)
	switch answer.outcome {
	case found:
		cert, why := q.choose(answer.certs, q.pins[form])
		if cert == nil {
			q.note(source, addr, None, why, answer)
			return false
		}
		q.note(source, addr, Found, cert.Fingerprint(), answer)
		q.found, q.form = &candidate{cert: cert, given: answer.given[cert.Fingerprint()], level: sourceLevel(source.Name()),
			source: source.Name()}, form
		return true
	case noKey, noService:
		q.note(source, addr, None, answer.detail, answer)
	default:
		q.note(source, addr, Unknown, answer.detail, answer)
		q.countUntil(q.now.Add(q.directory.options.Retry))
		q.silent = append(q.silent, source.Name())
	}
	return false
}

// mayAsk reports whether a source can know anything of addr, and may. Nobody outside is asked about mailboxes of
// this host and of address literals.
func mayAsk(source asker, addr mail.Addr) bool {
	_, outside := source.(*remote)
	return !outside || addr.Domain() != "" && !addr.IsLiteral()
}

// choose returns the certificate to use of those that one source gives: the pinned one, or else the newest that can
// be used now. Without one it says why.
func (q *inquiry) choose(certs []*crypto.Cert, pin *pinned) (*crypto.Cert, string) {
	byPreference := slices.SortedFunc(slices.Values(certs), func(a, b *crypto.Cert) int {
		return cmp.Or(-compareBool(pin.is(a), pin.is(b)), b.Created().Compare(a.Created()), cmp.Compare(a.Fingerprint(), b.Fingerprint()))
	})
	var reasons []string
	for _, cert := range byPreference {
		err := cert.Check(q.now)
		if err == nil {
			return cert, ""
		}
		reasons = append(reasons, fmt.Sprintf("%v (%s)", err, cert.Fingerprint()))
	}
	q.unusable = append(q.unusable, reasons...)
	return nil, strings.Join(reasons, "; ")
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

// is reports whether the certificate is the pinned one.
func (p *pinned) is(cert *crypto.Cert) bool {
	return p != nil && p.cert.Fingerprint() == cert.Fingerprint()
}

// countUntil lets the answer end when a reply that it rests on does.
func (q *inquiry) countUntil(t time.Time) {
	if !t.IsZero() && (q.expires.IsZero() || t.Before(q.expires)) {
		q.expires = t
	}
}

func (q *inquiry) note(source asker, addr mail.Addr, status Status, detail string, answer reply) {
	if !answer.asked.IsZero() && answer.asked.Before(q.now) {
		detail += fmt.Sprintf(" (asked %s)", answer.asked.Format(time.DateTime))
	}
	q.trace = append(q.trace, Step{Source: source.Name(), Address: addr.String(), Status: status, Detail: detail})
}
