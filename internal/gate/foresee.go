package gate

import (
	"context"
	"slices"

	"sealmilter/internal/mail"
)

// Plan says what every recipient of a message would get from a client that goes on when some are refused at RCPT TO. It has no
// effects but those of key lookups. The error is a [*mail.Failure] if the message as a whole is refused.
func (g *Gate) Plan(ctx context.Context, m *mail.Message) (*Plan, error) {
	origin := originOf(m.Envelope, g.Config.Senders.Trust)
	if origin == Foreign {
		p := &Plan{Origin: Foreign}
		for _, to := range m.Envelope.Recipients {
			p.Decisions = append(p.Decisions, Decision{To: to, Do: Pass, Why: "mail from elsewhere is not touched"})
		}
		return p, nil
	}
	t := &Transaction{gate: g, stage: whole, origin: origin}
	rest := *m
	if err := t.heed(&rest); err != nil {
		return nil, err
	}
	p, err := t.plan(ctx, &rest)
	if err != nil {
		return nil, err
	}
	if err := g.foresee(&rest, p); err != nil {
		return nil, err
	}
	return p, nil
}

// foresee completes a plan by what the end of the message would bring: if somebody is refused there, nobody gets the message.
func (g *Gate) foresee(m *mail.Message, p *Plan) error {
	atEnd := *p
	atEnd.Decisions = nil
	for i, d := range p.Decisions {
		if d.early == nil || p.Origin == NonSMTP {
			atEnd.Decisions = append(atEnd.Decisions, d)
			continue
		}
		if d.Do != d.early.Do { // what came encrypted may be better off at the end
			early := *d.early
			early.together, early.signer, early.Why = d.together, d.signer, early.reason(p.Author)+d.requestNote(p.Asked)
			p.Decisions[i] = early
		}
		atEnd.refused = append(atEnd.refused, p.Decisions[i])
	}
	if failure := atEnd.apart(); failure != nil {
		return failure
	}
	_, first := refusals(&atEnd)
	if first != nil && (first.Temporary() || p.Origin != NonSMTP) {
		p.Refusal = first
		return nil
	}
	if !slices.ContainsFunc(atEnd.Decisions, func(d Decision) bool { return d.Do == Encrypt || d.Do == SignOnly }) {
		return nil
	}
	_, err := g.prepare(m)
	return err
}
