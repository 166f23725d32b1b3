package gate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
)

// undelivered is a recipient that gets nothing, and what SMTP would have said.
type undelivered struct {
	to      mail.Recipient
	failure *mail.Failure
}

// refuseAll tells the sender that nobody gets the message, of which nothing has left, and drops it.
func (g *Gate) refuseAll(ctx context.Context, m *mail.Message, origin Origin, identity outbox.Identity, why *mail.Failure) (*mail.Edit, error) {
	attempt, err := g.Outbox.Begin(ctx, identity)
	if err != nil {
		return nil, err
	}
	defer attempt.End()
	var all []undelivered
	for _, to := range m.Envelope.Recipients {
		all = append(all, undelivered{to, why})
	}
	to := noticeAddress(g.Config.Senders, origin, m.Envelope)
	if err := g.notify(ctx, attempt, m, to, all); err != nil {
		return nil, err
	}
	if err := attempt.Finish(ctx); err != nil {
		return nil, err
	}
	g.Log.Info("message refused, and its sender told", "queue_id", m.Envelope.QueueID, "user", m.Envelope.User,
		"from", m.Envelope.Sender.String(), "notice_to", to.String(), "why", why.Text)
	return &mail.Edit{Discard: true}, nil
}

// noticeAddress returns where a sender reads that a message was refused. An envelope sender that is not a local user's
// own must not get notices, which anybody on this host could then have sent to anybody. The null sender reads nothing.
func noticeAddress(senders config.Senders, origin Origin, env *mail.Envelope) mail.Addr {
	c := claimantOf(origin, env)
	if env.Sender.IsNull() || c.mayUse(senders, env.Sender) {
		return env.Sender
	}
	for _, p := range senders.Logins[c.name] {
		if addr, err := mail.ParseAddr(p.String()); err == nil && !strings.ContainsAny(p.String(), "*?") {
			return addr
		}
	}
	if len(c.own) > 0 {
		return c.own[0]
	}
	postmaster, _ := mail.ParsePath("postmaster") // which is one, and is the MTA's own without a domain, too
	if full, err := postmaster.At(env.Host); err == nil {
		return full
	}
	return postmaster
}

// notify tells the sender, at an address that is theirs, who gets nothing, once for a message and these recipients. The
// null sender is told nothing: a notice about a notice may go round for ever (RFC 5321, section 6.1).
func (g *Gate) notify(ctx context.Context, attempt *outbox.Attempt, m *mail.Message, sender mail.Addr, failed []undelivered) error {
	failed = slices.DeleteFunc(slices.Clone(failed), func(f undelivered) bool { return !wantsNotice(f.to) })
	if sender.IsNull() || len(failed) == 0 {
		return nil
	}
	to := mail.Recipient{Addr: sender}
	var told []string
	for _, f := range failed {
		told = append(told, mailbox(f.to.Addr))
	}
	name := "not sent to " + strings.Join(told, ", ")
	if attempt.NoticeSent(to, name) {
		return nil
	}
	boundary, err := g.random()
	if err != nil {
		return fmt.Errorf("delivery status notification: %w", err)
	}
	id, err := g.messageID(sender)
	if err != nil {
		return fmt.Errorf("delivery status notification: %w", err)
	}
	header, body := report{about: m, to: sender, failed: failed, at: g.Now(), id: id, boundary: "=_" + boundary}.compose()
	null := &mail.Envelope{}
	c := outbox.Copy{To: to, Header: header, Body: body, Notice: name}
	if err := attempt.Send(ctx, null, c); err != nil {
		return fmt.Errorf("delivery status notification: %w", err)
	}
	return nil
}

// wantsNotice reports whether the sender wants to hear of a failure for this recipient (RFC 3461, section 4.1): by
// default, yes.
func wantsNotice(to mail.Recipient) bool {
	value, given := mail.Arg(to.Args, "NOTIFY")
	return !given || slices.Contains(strings.Split(strings.ToUpper(value), ","), "FAILURE")
}
