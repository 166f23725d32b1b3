package keys

import (
	"context"
	"fmt"
	"time"

	"sealmilter/internal/mail"
	"sealmilter/internal/store"
)

// How domains are judged that run their own key service, or do not.
const (
	// giveUpAfter is how long a domain that never served a key may be silent before it counts as having no service.
	giveUpAfter = 24 * time.Hour
	// silenceLapses is how long after the last question silence is no longer one.
	silenceLapses = 7 * 24 * time.Hour
	// inquireAgain is how often a domain without keys is asked whether it announces some.
	inquireAgain = 7 * 24 * time.Hour
)

// service returns what is known of the recipient's domain as a key service, the zero KeyService for sources that are
// not the domain's own. A domain that answers without having a key is asked whether it announces keys at all: if it
// does, a later failure must not pass for "no key".
func (r *remote) service(ctx context.Context, addr mail.Addr, o outcome) (store.KeyService, error) {
	source, own := r.Source.(DomainSource)
	if !own {
		return store.KeyService{}, nil
	}
	known, err := r.directory.store.KeyService(ctx, addr.Domain(), r.Name())
	now := r.directory.now()
	if err != nil || o != noKey || !known.Served.IsZero() || now.Before(known.Inquired.Add(inquireAgain)) {
		return known, err
	}
	known.Inquired = now
	if announces, err := source.Announces(ctx, addr.Domain()); err == nil && announces {
		known.Served = now
	}
	return known, nil
}

// judgeService decides what a failure means for the answer, and notes in service what the answer shows of the domain.
//
// Most domains publish no keys. What never looked like a key service counts as "no key"; one that does not answer at
// all is given a day. A domain that has served keys before is never judged so: its silence stays "unknown".
func (r *remote) judgeService(answer reply, service *store.KeyService) reply {
	if service.Domain == "" {
		if answer.outcome == noService {
			answer.outcome = unanswered
		}
		return answer
	}
	now := answer.asked
	serves := !service.Served.IsZero()
	if service.Silent.IsZero() || now.After(service.Asked.Add(silenceLapses)) {
		service.Silent = now
	}
	switch {
	case answer.outcome == found:
		if !serves {
			service.Served = now
		}
		service.Silent = time.Time{}
	case answer.outcome == noKey, answer.outcome == noService && !serves:
		service.Silent = time.Time{}
	case serves:
		answer.outcome = unanswered
		answer.detail += fmt.Sprintf(" (the domain has served keys since %s)", service.Served.Format(time.DateOnly))
	case !now.Before(service.Silent.Add(giveUpAfter)):
		answer.outcome = noService
		answer.detail = fmt.Sprintf("this domain has no key service: nothing but failures since %s, the last one: %s",
			service.Silent.Format(time.DateTime), answer.detail)
	default:
		answer.outcome = unanswered
	}
	service.Asked = now
	return answer
}
