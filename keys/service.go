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

// announcement is what a domain has said of whether it serves keys.
type announcement uint8

const (
	notAsked announcement = iota
	unheard
	servesNone
	servesKeys
)

// announcement asks the recipient's domain whether it announces keys at all, if it has just answered without having
// one and nobody has asked it for long: if it does, a later failure must not pass for "no key".
func (r *remote) announcement(ctx context.Context, addr mail.Addr, o outcome) (announcement, error) {
	source, own := r.Source.(DomainSource)
	if !own || o != noKey {
		return notAsked, nil
	}
	known, err := r.directory.store.KeyService(context.WithoutCancel(ctx), addr.Domain(), r.Name())
	now := r.directory.now()
	if err != nil || !known.Served.IsZero() || now.Before(known.Inquired.Add(inquireAgain)) && !now.Before(known.Inquired) {
		return notAsked, err
	}
	switch announces, err := source.Announces(ctx, addr.Domain()); {
	case err != nil:
		return unheard, nil
	case announces:
		return servesKeys, nil
	default:
		return servesNone, nil
	}
}

// putService adds an answer to what is known of the recipient's domain as a key service, and returns it as it counts.
// Sources that are not the domain's own say nothing of it.
func (r *remote) putService(ctx context.Context, tx *store.KeyTx, addr mail.Addr, answer reply, heard announcement) (reply, error) {
	if _, own := r.Source.(DomainSource); !own {
		return r.judgeService(answer, &store.KeyService{}), nil
	}
	service, err := tx.KeyService(ctx, addr.Domain(), r.Name())
	if err != nil {
		return answer, err
	}
	switch heard {
	case servesKeys:
		if service.Served.IsZero() {
			service.Served = answer.asked
		}
		service.Inquired = answer.asked
	case servesNone:
		service.Inquired = answer.asked
	case unheard:
		// It is asked again soon, but not for every message.
		service.Inquired = answer.asked.Add(r.directory.options.Absent - inquireAgain)
	default:
	}
	answer = r.judgeService(answer, &service)
	return answer, tx.PutKeyService(ctx, service)
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
	if service.Silent.IsZero() || service.Silent.After(now) || now.After(service.Asked.Add(silenceLapses)) {
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
