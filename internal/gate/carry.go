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
	refused, err := g.refusals(m.Envelope, plan)
	if err != nil {
		return nil, err
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

// refusals returns the decisions that send nothing, if the others can go on without them, which they can only in mail
// from local programs. Otherwise the first of them is the answer to the whole message; a deferral comes before the
// rejections, which another try may not confirm.
func (g *Gate) refusals(env *mail.Envelope, plan *Plan) ([]Decision, error) {
	var refused []Decision
	var first *mail.Failure
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
	if first == nil {
		return nil, nil
	}
	if plan.Origin == NonSMTP && !first.Temporary() {
		return refused, nil
	}
	for _, d := range refused {
		g.logDecision(env, d, d.Why)
	}
	return nil, first
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
