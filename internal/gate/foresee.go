package gate

import (
	"context"
	"slices"

	"sealmilter/internal/mail"
)

// Foreseen is a copy as it would leave.
type Foreseen struct {
	To mail.Recipient
	// Header is what others see of the copy, but for what the MTA adds on the way.
	Header mail.Header
}

// Plan says what every recipient of a message would get from a client that goes on when some are refused at RCPT TO. It
// has no effects but those of key lookups. The error is a [*mail.Failure] if the message as a whole is refused.
func (g *Gate) Plan(ctx context.Context, m *mail.Message) (*Plan, error) {
	_, p, _, err := g.foretell(ctx, m)
	return p, err
}

// Foresee is Plan, and composes the copies as they would leave, of which it returns the headers. There are none if
// nobody gets the message, if it is not touched, and if the author's key is only made with it.
func (g *Gate) Foresee(ctx context.Context, m *mail.Message) (*Plan, []Foreseen, error) {
	whole := *m
	whole.Header = slices.Clone(m.Header)
	if err := g.complete(&whole); err != nil {
		return nil, nil, err
	}
	rest, p, atEnd, err := g.foretell(ctx, &whole)
	if err != nil || p.Origin == Foreign || p.Refusal != nil || p.generate {
		return p, nil, err
	}
	copies, done, err := g.makeCopies(ctx, rest, atEnd)
	defer done()
	if err != nil {
		return nil, nil, err
	}
	var all []Foreseen
	for _, c := range copies {
		all = append(all, Foreseen{To: c.to, Header: c.header})
	}
	return p, all, nil
}

// foretell returns the plan, and for what comes after it the message without its request and the plan as the end of the
// message would have it: without those who are refused before.
func (g *Gate) foretell(ctx context.Context, m *mail.Message) (rest *mail.Message, p, atEnd *Plan, err error) {
	origin := originOf(m.Envelope, g.Config.Senders.Trust)
	if origin == Foreign {
		p := &Plan{Origin: Foreign}
		for _, to := range m.Envelope.Recipients {
			p.Decisions = append(p.Decisions, Decision{To: to, Do: Pass, Why: "mail from elsewhere is not touched"})
		}
		return m, p, p, nil
	}
	t := &Transaction{gate: g, stage: whole, origin: origin}
	left := *m
	if err := t.heed(&left); err != nil {
		return nil, nil, nil, err
	}
	if p, err = t.plan(ctx, &left); err != nil {
		return nil, nil, nil, err
	}
	if atEnd, err = g.foresee(&left, p); err != nil {
		return nil, nil, nil, err
	}
	return &left, p, atEnd, nil
}

// foresee completes a plan by what the end of the message would bring, and returns the plan as it is there: if somebody
// is refused there, nobody gets the message.
func (g *Gate) foresee(m *mail.Message, p *Plan) (atEnd *Plan, err error) {
	end := *p
	end.Decisions = nil
	for i, d := range p.Decisions {
		if d.early == nil || p.Origin == NonSMTP {
			end.Decisions = append(end.Decisions, d)
			continue
		}
		if d.Do != d.early.Do { // what came encrypted may be better off at the end
			early := *d.early
			early.together, early.signer, early.Why = d.together, d.signer, early.reason(p.Author)+d.requestNote(p.Asked)
			p.Decisions[i] = early
		}
		end.refused = append(end.refused, p.Decisions[i])
	}
	if failure := end.apart(); failure != nil {
		return nil, failure
	}
	_, first := refusals(&end)
	if first != nil && (first.Temporary() || p.Origin != NonSMTP) {
		p.Refusal = first
		return &end, nil
	}
	if !slices.ContainsFunc(end.Decisions, func(d Decision) bool { return d.Do == Encrypt || d.Do == SignOnly }) {
		return &end, nil
	}
	_, err = g.prepare(m)
	return &end, err
}
