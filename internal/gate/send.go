package gate

import (
	"context"
	"errors"
	"fmt"

	"sealmilter/internal/event"
	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
)

// send brings the copies on their way.
func (g *Gate) send(ctx context.Context, m *mail.Message, plan *Plan, identity outbox.Identity, copies []sealedCopy, refused []Decision,
	accepted *acceptances) (*mail.Edit, error) {
	if len(copies) == 1 && len(refused) == 0 && spelledOnce(m.Envelope.Recipients)(copies[0].to) {
		// One copy needs nothing but the message itself, unless an earlier try has sent it already: the end of an attempt
		// then sees to it that what cannot be told from this message is left out only once.
		sent, err := g.Outbox.Recorded(ctx, identity, copies[0].to)
		if err != nil {
			return nil, err
		}
		if !sent {
			return g.inPlace(m, copies[0]), nil
		}
	}
	attempt, err := g.Outbox.Begin(ctx, identity)
	if err != nil {
		return nil, err
	}
	defer attempt.End()

	settled := func(to mail.Recipient) bool { return attempt.Sent(to) || attempt.Told(to) }
	stay, leave := choose(copies, m.Envelope.Recipients, settled)
	var failed []undelivered
	for _, d := range refused {
		failed = append(failed, undelivered{d.To, d.failure(plan.Author)})
	}
	outgoing := make([]outbox.Copy, len(leave))
	for i, c := range leave {
		outgoing[i] = accepted.listen(g, m, c.outgoing(m))
	}
	if len(outgoing) > 0 && !attempt.Any() {
		// The MTA looks at the size of the message itself only when the others have left.
		all := outgoing
		if stay != nil {
			all = append(all, stay.outgoing(m))
		}
		if err := attempt.Check(ctx, m.Envelope, all); err != nil {
			return nil, err
		}
		outgoing = all[:len(leave)]
	}
	missed, err := g.sendAll(ctx, m, plan, attempt, outgoing)
	if err != nil {
		return nil, err
	}
	failed = append(failed, missed...)
	if err := g.notify(ctx, attempt, m, m.Envelope.Sender, failed); err != nil {
		return nil, err
	}
	if err := attempt.Finish(ctx); err != nil {
		return nil, err
	}
	edit := &mail.Edit{Discard: true}
	if stay != nil {
		edit = g.inPlace(m, *stay)
	}
	edit.Answer, edit.Done = attempt.Answered, attempt.Unanswered
	return edit, nil
}

// sendAll sends copies one by one until somebody has theirs, and the others side by side. Those that the MTA refuses
// for good are left out.
func (g *Gate) sendAll(ctx context.Context, m *mail.Message, plan *Plan, attempt *outbox.Attempt, copies []outbox.Copy) (failed []undelivered, err error) {
	leftOut := func(to mail.Recipient, refusal *mail.Failure) {
		g.tell(event.CopyFailed, m, event.To(to.Addr), event.Err(refusal))
		failed = append(failed, undelivered{to, refusal})
	}
	for ; len(copies) > 0 && !attempt.Any(); copies = copies[1:] {
		err := attempt.Send(ctx, m.Envelope, copies[0])
		var refusal *mail.Failure
		switch {
		case err == nil:
		case errors.As(err, &refusal) && !refusal.Temporary() && plan.Origin == NonSMTP:
			leftOut(copies[0].To, refusal) // nobody would read the refusal of the whole message: the sender gets a notice
		default:
			return nil, fmt.Errorf("copy for %s: %w", copies[0].To.Addr, err)
		}
	}
	// Somebody has theirs, so the message cannot be refused as a whole any more.
	refusals, err := attempt.SendAll(ctx, m.Envelope, copies)
	for i, refusal := range refusals {
		if refusal != nil {
			leftOut(copies[i].To, refusal)
		}
	}
	return failed, err
}

// choose returns the copy that the message itself becomes, nil if there is none, and those for the outbox. The message
// becomes the copy of a recipient whom everybody sees, if there is one: its Received field shows that the message had
// more than one recipient, which must not tell a reader of a hidden one.
func choose(copies []sealedCopy, envelope []mail.Recipient, settled func(mail.Recipient) bool) (stay *sealedCopy, leave []sealedCopy) {
	spelledOnce := spelledOnce(envelope)
	var left []sealedCopy
	at := -1
	for _, c := range copies {
		if settled(c.to) {
			continue
		}
		if spelledOnce(c.to) && (at < 0 || c.visible && !left[at].visible) {
			at = len(left)
		}
		left = append(left, c)
	}
	for i := range left {
		if i == at {
			stay = &left[i]
		} else {
			leave = append(leave, left[i])
		}
	}
	return stay, leave
}

// spelledOnce returns whether the envelope has a recipient in one spelling only. Another one cannot be served in place:
// to Postfix <"bob"@example.net> is <bob@example.net> when one of them is to be deleted, which deletes both, but not when
// it delivers, which would be twice.
func spelledOnce(envelope []mail.Recipient) func(mail.Recipient) bool {
	first := map[string]string{}
	several := map[string]bool{}
	for _, to := range envelope {
		m := mailbox(to.Addr)
		if raw, known := first[m]; known && raw != to.Raw {
			several[m] = true
		}
		first[m] = to.Raw
	}
	return func(to mail.Recipient) bool { return !several[mailbox(to.Addr)] }
}

// inPlace makes the message in the MTA's hands a copy.
func (g *Gate) inPlace(m *mail.Message, c sealedCopy) *mail.Edit {
	edit := &mail.Edit{Header: c.header, Body: c.body}
	for _, to := range m.Envelope.Recipients {
		if to.Raw != c.to.Raw {
			edit.Delete = append(edit.Delete, to)
		}
	}
	return edit
}
