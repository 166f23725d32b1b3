package gate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sealmilter/internal/event"
	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
)

// encrypted reports whether the recipient gets nothing that others could read.
func (d Decision) encrypted() bool {
	return d.Do == Encrypt || d.Do == Pass && d.verdict == alreadyTheirs
}

// readable reports whether the recipient gets what others may be able to read.
func (d Decision) readable() bool { return !d.encrypted() && (d.Do == SignOnly || d.Do == Pass) }

// together reports whether the message leaves encrypted to all of its recipients or to none of them.
func (p *Plan) together() bool {
	own := func(d Decision) bool { return d.together }
	return p.sealedElsewhere || slices.ContainsFunc(p.Decisions, own) || slices.ContainsFunc(p.refused, own)
}

// sealed reports whether somebody gets the message encrypted.
func (p *Plan) sealed() bool {
	return p.sealedElsewhere || slices.ContainsFunc(p.Decisions, Decision.encrypted)
}

// apart returns why a message that is kept together leaves to nobody: it cannot be encrypted to all, and somebody would
// get it encrypted, or has been refused for want of that. It is nil if each recipient may have what there is for them,
// and as long as a decision is missing or nothing would leave anyway.
func (p *Plan) apart() *mail.Failure {
	leaves := func(d Decision) bool { return d.Do == Encrypt || d.Do == SignOnly || d.Do == Pass }
	missing := func(d Decision) bool { return !leaves(d) && d.Do != Reject }
	if !p.together() || slices.ContainsFunc(p.Decisions, missing) || !slices.ContainsFunc(p.Decisions, leaves) {
		return nil
	}
	var without []string
	refused := false
	for _, d := range slices.Concat(p.Decisions, p.refused) {
		switch {
		case d.encrypted():
			continue
		case d.Do == SignOnly, d.Do == Pass:
		case d.Do == Reject && d.verdict != noAuthorKey:
			refused = true
		default:
			return d.failure(p.Author)
		}
		without = append(without, d.To.Addr.String())
	}
	if len(without) == 0 || !refused && !p.sealed() {
		return nil
	}
	return mail.Reject("5.7.1", fmt.Sprintf("This message goes encrypted to all of its recipients or to none, and it cannot be encrypted to %s: leave them out, or ask them for a valid OpenPGP certificate and give it to the postmaster.",
		several(without)), nil)
}

// several joins addresses for a sentence, which is not to have hundreds of them.
func several(addresses []string) string {
	const most = 3
	switch n := len(addresses); {
	case n > most:
		return fmt.Sprintf("%s and %d others", strings.Join(addresses[:most], ", "), n-most)
	case n > 1:
		return strings.Join(addresses[:n-1], ", ") + " and " + addresses[n-1]
	default:
		return strings.Join(addresses, "")
	}
}

// keepTogether returns the refusal of a message that is kept together and cannot be. If an earlier try has sent copies,
// which nobody can call back, those to whom it cannot be encrypted are refused instead, and the others get theirs.
func (g *Gate) keepTogether(ctx context.Context, m *mail.Message, plan *Plan, identity outbox.Identity) error {
	failure := plan.apart()
	var begun bool
	var err error
	switch {
	case failure == nil && !(plan.together() && slices.ContainsFunc(plan.Decisions, Decision.readable)):
		return nil
	case failure == nil: // nobody can get it encrypted any more
		if begun, err = g.Outbox.SealedBefore(ctx, identity, m.Envelope.Recipients); err != nil || !begun {
			return err
		}
	case !failure.Temporary():
		if begun, err = g.Outbox.Begun(ctx, identity, m.Envelope.Recipients); err != nil {
			return err
		}
	}
	if !begun {
		g.logApart(m.Envelope, failure)
		return failure
	}
	for i := range plan.Decisions {
		if d := &plan.Decisions[i]; d.readable() {
			d.Do, d.verdict = Reject, notTogether
			d.Why = d.reason(plan.Author)
		}
	}
	return nil
}

func (g *Gate) logApart(env *mail.Envelope, why *mail.Failure) {
	event.MessageApart.Log(g.Log, event.QueueID(env.QueueID), event.From(env.Sender), event.Count(int64(len(env.Recipients))),
		event.Why(answerTo(why)))
}
