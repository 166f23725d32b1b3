package gate

import (
	"context"
	"errors"
	"slices"

	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
)

// stage is where in the way of a message the gate stands.
type stage uint8

const (
	_ stage = iota // lets nothing through
	// whole is the only stage where the MTA does not split messages: they are checked and sealed in one go.
	whole
	// front is the stage before the MTA expands aliases and splits messages by recipient: they are checked.
	front
	// inner is the stage behind that: each recipient's message is sealed.
	inner
)

// stageOf tells the stage by the name of the listener.
func stageOf(env *mail.Envelope) stage {
	switch env.Daemon {
	case mail.DaemonFront, mail.DaemonFrontLocal:
		return front
	case mail.DaemonInner:
		return inner
	default:
		return whole
	}
}

// leftOutside are the fields that the MTA sees between front and inner listener: it would add those of RFC 5322, section
// 3.6, that are missing, a bounce shows them to the sender, and Received fields are counted against loops.
var leftOutside = []string{"Received", "From", "Date", "Message-ID"}

// admit checks a whole message at the front listener as if it were sealed there, and closes it into its pass. What a
// local program sends is not refused, for the MTA would answer with a bounce that quotes the text: its sender gets a
// notice.
func (t *Transaction) admit(ctx context.Context, m *mail.Message) (*mail.Edit, error) {
	if t.origin != Foreign {
		identity := outbox.Identify(m)
		err := t.rehearse(ctx, m)
		var refusal *mail.Failure
		if t.origin == NonSMTP && errors.As(err, &refusal) && !refusal.Temporary() {
			return t.gate.refuseAll(ctx, m, t.origin, identity, refusal)
		}
		if err != nil {
			return nil, err
		}
	}
	return t.gate.closeMessage(ctx, m, t)
}

// rehearse returns the refusal that the message would meet if it were sealed now. It sends nothing. Recipients whom the
// MTA is going to replace are not asked about, and those of a local program are refused one by one at the inner stage.
func (t *Transaction) rehearse(ctx context.Context, m *mail.Message) error {
	g := t.gate
	if err := g.complete(m); err != nil {
		return err
	}
	env := *m.Envelope
	env.Recipients = slices.DeleteFunc(slices.Clone(env.Recipients), t.replaced)
	// The inner stage is to find the request, too.
	m = &mail.Message{Envelope: &env, Header: m.Header, Body: m.Body}
	if err := t.heed(m); err != nil {
		return err
	}
	plan, err := t.plan(ctx, m)
	if err != nil {
		return err
	}
	if failure := plan.apart(); failure != nil {
		g.logApart(&env, failure)
		return failure
	}
	if refused, first := refusals(plan); first != nil && (first.Temporary() || t.origin != NonSMTP) {
		g.tellRefusals(m, refused)
		return first
	}
	t.sealedElsewhere = plan.together() && plan.sealed()
	for _, d := range plan.Decisions {
		if d.Do == Encrypt {
			t.promised[d.To.Addr.Key()] = true
		}
	}
	sealed := func(d Decision) bool { return d.Do == Encrypt || d.Do == SignOnly }
	if len(plan.Decisions) == 0 || slices.ContainsFunc(plan.Decisions, sealed) {
		_, err = g.prepare(m)
	}
	return err
}

// replaced reports whether the MTA puts others in a recipient's place before the message is sealed.
func (t *Transaction) replaced(to mail.Recipient) bool {
	return t.stage == front && len(t.gate.Config.Policy.Aliases) > 0 && matches(t.gate.Config.Policy.Aliases, to.Addr)
}

// closeMessage returns the edit that makes the message its own pass.
func (g *Gate) closeMessage(ctx context.Context, m *mail.Message, t *Transaction) (*mail.Edit, error) {
	env := m.Envelope
	p := &pass{
		Origin: t.origin, Login: env.Login, Local: env.Local, User: env.User, Client: env.Client, ClientPort: env.ClientPort,
		Sender: env.Sender.String(), QueueID: env.QueueID, At: g.Now(), Header: m.Header.Without("Received"),
		Sealed: t.sealedElsewhere,
	}
	for to := range t.promised {
		p.Promised = append(p.Promised, to)
	}
	key, err := g.passKey(ctx)
	if err != nil {
		return nil, err
	}
	edit := &mail.Edit{}
	if edit.Body, err = closePass(key, g.Rand, p, m.Body); err != nil {
		return nil, err
	}
	m.Body = nil // it is in the pass
	for _, f := range m.Header {
		if slices.ContainsFunc(leftOutside, f.Is) {
			edit.Header = append(edit.Header, f)
		}
	}
	edit.Header = append(edit.Header,
		mail.Field{Name: "MIME-Version", Value: " 1.0"},
		mail.Field{Name: "Content-Type", Value: " application/x-sealmilter-pass"},
		mail.Field{Name: "Content-Transfer-Encoding", Value: " base64"})
	return edit, nil
}
