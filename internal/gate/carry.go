package gate

import (
	"context"

	"sealmilter/internal/event"
	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
)

// carry sends every copy but one, and returns the edit that makes the message itself the last one. Nothing leaves before
// every copy is ready, and no error after that lets the message pass: the client is told to try again, and the ledger
// knows what it need not get twice.
func (g *Gate) carry(ctx context.Context, m *mail.Message, plan *Plan, identity outbox.Identity) (*mail.Edit, error) {
	if err := g.keepTogether(ctx, m, plan, identity); err != nil {
		return nil, err
	}
	refused, first := refusals(plan)
	goOn, err := g.goesOn(ctx, m, plan, identity, first)
	switch {
	case err != nil:
		return nil, err
	case !goOn:
		g.tellRefusals(m, refused)
		return nil, first
	}
	began := g.Now()
	copies, done, err := g.seal(ctx, m, plan)
	sealed := g.since(began)
	g.observer().Sealed(sealed, err)
	ready := false
	defer func() {
		if !ready {
			done()
		}
	}()
	if err != nil {
		return nil, err
	}
	var accepted acceptances
	edit, err := g.send(ctx, m, plan, identity, copies, refused, &accepted)
	if err != nil {
		return nil, err
	}
	for _, d := range plan.Decisions {
		g.tellDecision(m.Envelope, m.Header, d, d.Why, event.Queued(accepted.of(d.To)), event.Sealed(sealed), event.Seconds(g.since(began)))
	}
	g.learn(plan)
	ready = true
	undo := edit.Done
	edit.Done = func() {
		if undo != nil {
			undo()
		}
		done()
	}
	return edit, nil
}

// refusals returns the decisions that send nothing, and what a client would be told of them, nil if there are none: a
// deferral comes before the rejections, which another try may not confirm.
func refusals(plan *Plan) (refused []Decision, first *mail.Failure) {
	for _, d := range plan.Decisions {
		failure := d.failure(plan.Author)
		if failure == nil {
			continue
		}
		refused = append(refused, d)
		if first == nil || !first.Temporary() && failure.Temporary() {
			first = failure
		}
	}
	return refused, first
}

// goesOn reports whether the other recipients get the message although some are refused, of whom the sender gets a notice
// then. That is so in mail from local programs, and when an earlier try has sent a copy: nobody could be told any more that
// the message was refused.
func (g *Gate) goesOn(ctx context.Context, m *mail.Message, plan *Plan, identity outbox.Identity, first *mail.Failure) (bool, error) {
	switch {
	case first == nil:
		return true, nil
	case first.Temporary():
		return false, nil
	case plan.Origin == NonSMTP:
		return true, nil
	default:
		return g.Outbox.Begun(ctx, identity, m.Envelope.Recipients)
	}
}
