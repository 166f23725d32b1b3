package gate

import (
	"context"
	"log/slog"
	"strings"

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
		g.logRefusals(m.Envelope, refused)
		return nil, first
	}
	started := g.Now()
	copies, done, err := g.seal(ctx, m, plan)
	ready := false
	defer func() {
		if !ready {
			done()
		}
	}()
	if err != nil {
		return nil, err
	}
	sealed := g.Now().Sub(started)
	edit, err := g.send(ctx, m, plan, identity, copies, refused)
	if err != nil {
		return nil, err
	}
	for _, d := range plan.Decisions {
		g.logDecision(m.Envelope, d, d.Why, slog.Duration("seal", sealed))
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

func (g *Gate) logRefusals(env *mail.Envelope, refused []Decision) {
	for _, d := range refused {
		g.logDecision(env, d, d.Why)
	}
}

// logDecision is the event of one recipient. It tells nothing of the message's content.
func (g *Gate) logDecision(env *mail.Envelope, d Decision, why string, more ...slog.Attr) {
	attrs := []slog.Attr{
		slog.String("queue_id", env.QueueID),
		slog.String("from", env.Sender.String()),
		slog.String("to", d.To.Addr.String()),
		slog.String("action", d.Do.String()),
		slog.String("why", strings.TrimSpace(why)),
	}
	switch {
	case env.Login != "":
		attrs = append(attrs, slog.String("login", env.Login))
	case env.User != "":
		attrs = append(attrs, slog.String("user", env.User))
	}
	if d.Cert != nil {
		attrs = append(attrs, slog.String("key", d.Cert.Fingerprint()), slog.String("source", d.Source))
	}
	g.Log.LogAttrs(context.Background(), slog.LevelInfo, "recipient", append(attrs, more...)...)
}
