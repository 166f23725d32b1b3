package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sealmilter/internal/config"
	"sealmilter/internal/event"
	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
)

// undelivered is a recipient that gets nothing, and what SMTP would have said.
type undelivered struct {
	to      mail.Recipient
	failure *mail.Failure
}

// refuseAll tells the sender that nobody gets the message, or nobody but those to whom it left by an earlier try, and
// drops it.
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
	g.tell(event.MessageReturned, m, event.From(m.Envelope.Sender), event.Login(m.Envelope.Login), event.User(m.Envelope.User), event.NoticeTo(to),
		event.Why(answerTo(why)))
	return &mail.Edit{Discard: true, Answer: attempt.Answered, Done: attempt.Unanswered}, nil
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

// notify tells the sender, at an address that is theirs, who gets nothing, once for a message and these recipients. An
// error is temporary: the notice is to be tried again with the message. Who cannot be told is named in the log, and what
// has been decided about the others stands: the null sender, since a notice about a notice may go round for ever (RFC 5321,
// section 6.1), and a sender for whom the MTA takes no mail.
func (g *Gate) notify(ctx context.Context, attempt *outbox.Attempt, m *mail.Message, sender mail.Addr, failed []undelivered) error {
	failed = slices.DeleteFunc(slices.Clone(failed), func(f undelivered) bool {
		// Who got a copy by an earlier try has it, whatever is decided about them now.
		return !wantsNotice(f.to) || attempt.Sent(f.to) || attempt.Told(f.to)
	})
	if len(failed) == 0 {
		return nil
	}
	var unserved []string
	var about []mail.Recipient
	for _, f := range failed {
		unserved = append(unserved, mailbox(f.to.Addr))
		about = append(about, f.to)
	}
	slices.Sort(unserved)
	untold := func(why string) {
		g.tell(event.NoticeFailed, m, event.NoticeTo(sender), event.Recipients(unserved), event.Why(why))
	}
	if sender.IsNull() {
		untold("the message has the null sender")
		return nil
	}
	to := mail.Recipient{Addr: sender}
	name := "not sent to " + strings.Join(unserved, ", ")
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
	c := outbox.Copy{To: to, Notice: name, About: about}
	c.Header, c.Body = g.noticeFor(ctx, report{about: m, to: sender, failed: failed, at: g.Now(), id: id, boundary: "=_" + boundary})
	err = attempt.Send(ctx, &mail.Envelope{}, c)
	var refusal *mail.Failure
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refusal) && !refusal.Temporary():
		untold(refusal.Error())
		return nil
	default:
		return fmt.Errorf("delivery status notification: %w", err)
	}
}

// wantsNotice reports whether the sender wants to hear of a failure for this recipient (RFC 3461, section 4.1): by
// default, yes.
func wantsNotice(to mail.Recipient) bool {
	value, given := mail.Arg(to.Args, "NOTIFY")
	return !given || slices.Contains(strings.Split(strings.ToUpper(value), ","), "FAILURE")
}
