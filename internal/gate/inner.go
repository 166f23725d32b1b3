package gate

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"sealmilter/internal/event"
	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
)

// passLifetime is how old a pass may be: longer than the MTA keeps a message in its queue (RFC 5321, section 4.5.4.1,
// wants four to five days), and not for ever.
const passLifetime = 7 * 24 * time.Hour

// passSkew is how far the clocks of two relay hosts may differ.
const passSkew = time.Hour

// beginInner refuses every program of this host but the MTA's own. Whoever got hold of a pass could have its message sealed
// for a recipient of their choice otherwise. Of an MTA in a container the kernel of this host knows nothing; there the pass
// alone decides.
func (g *Gate) beginInner(env *mail.Envelope) (*Transaction, error) {
	switch {
	case !env.Local, env.User == rootUser, env.User != "" && env.User == env.MTAUser:
		return &Transaction{gate: g, stage: inner}, nil
	case env.User == "" || env.MTAUser == "":
		return nil, mail.Defer("4.7.0", "It cannot be told whether the mail server itself is the client.", nil)
	default:
		event.StrangerInside.Log(g.Log, event.User(env.User), event.MTAUser(env.MTAUser))
		return nil, mail.Reject("5.7.1", "This listener is for the mail server itself.", nil)
	}
}

// open takes a message out of its pass at the inner listener and seals it. Nothing of what the MTA says about the client
// counts here: that is the MTA itself.
//
// Whoever is refused here has been accepted before, so the sender gets a notice, and the MTA is told to drop the message.
func (t *Transaction) open(ctx context.Context, m *mail.Message) (*mail.Edit, error) {
	g := t.gate
	p, err := g.openMessage(ctx, m)
	if err != nil {
		return nil, err
	}
	opened, err := p.message(m)
	if err != nil {
		return nil, err
	}
	event.FrontMessage.Log(g.Log, event.QueueID(m.Envelope.QueueID), event.MessageID(opened.Header.Get("Message-ID")),
		event.FrontQueueID(p.QueueID), event.From(opened.Envelope.Sender), event.Login(p.Login))
	if p.Origin == Foreign {
		return restore(&mail.Edit{}, opened), nil
	}
	identity := outbox.Identify(opened).For(opened.Envelope.Recipients)
	edit, err := g.sealOpened(ctx, opened, p, identity)
	var refusal *mail.Failure
	if errors.As(err, &refusal) && !refusal.Temporary() && !opened.Envelope.Sender.IsNull() {
		edit, err = g.refuseAll(ctx, opened, p.Origin, identity, refusal)
	}
	if errors.Is(err, outbox.ErrBusy) {
		err = mail.Defer("4.4.5", "This message is being sent already. Please try again later.", err)
	}
	if err != nil {
		return nil, err
	}
	return restore(edit, opened), nil
}

// openMessage returns the pass of a message, or the refusal of one without. The MTA bounces that, but no sealmilter at
// the front has put its text in a pass: it is not for this listener to say who may read it.
func (g *Gate) openMessage(ctx context.Context, m *mail.Message) (*pass, error) {
	key, err := g.passKey(ctx)
	if err != nil {
		return nil, err
	}
	p, err := openPass(key, m.Body)
	if err == nil {
		if age := g.Now().Sub(p.At); age > passLifetime || age < -passSkew {
			err = fmt.Errorf("the pass was made at %s", p.At.UTC().Format(time.RFC3339))
		}
	}
	if err != nil {
		event.PassInvalid.Log(g.Log, event.QueueID(m.Envelope.QueueID), event.From(m.Envelope.Sender), event.Client(m.Envelope.Client),
			event.Err(err))
		return nil, mail.Reject("5.7.0", "This listener takes what the front listener has checked, and nothing else.", err)
	}
	return p, nil
}

// sealOpened checks sender and author again, by the configuration of now, and seals.
func (g *Gate) sealOpened(ctx context.Context, opened *mail.Message, p *pass, identity outbox.Identity) (*mail.Edit, error) {
	t := &Transaction{gate: g, stage: whole, origin: p.Origin, promised: map[string]bool{}, sealedElsewhere: p.Sealed}
	for _, to := range p.Promised {
		t.promised[to] = true
	}
	return t.message(ctx, opened, identity)
}

// message returns the message as the front listener saw it, with what the MTA says of its recipient now.
func (p *pass) message(m *mail.Message) (*mail.Message, error) {
	sender, err := mail.ParsePath("<" + p.Sender + ">")
	if err != nil {
		return nil, fmt.Errorf("sender in a pass: %w", err)
	}
	env := *m.Envelope
	env.Sender, env.Login, env.Client, env.ClientPort = sender, p.Login, p.Client, p.ClientPort
	env.Local, env.User = p.Local, p.User
	env.NonSMTP = p.Origin == NonSMTP
	header := append(mail.Header(m.Header.All("Received")), p.Header...)
	if p.Origin != Foreign && len(header) > 0 && header[0].Is("Received") {
		header[0].Value = withoutFor(header[0].Value, env.Recipients)
	}
	opened := &mail.Message{Envelope: &env, Header: header, Body: p.body}
	m.Body, p.body = nil, nil // the memory of one message is enough
	return opened, nil
}

var forClause = regexp.MustCompile(`\s+for <([^<>]*)>;`)

// withoutFor takes from the MTA's own Received field for whom it was received at the front, if that is none of the
// recipients now: an alias that a sender has hidden stays hidden from its members.
func withoutFor(received string, to []mail.Recipient) string {
	at := forClause.FindStringSubmatchIndex(received)
	if at == nil {
		return received
	}
	if addr, err := mail.ParseAddr(received[at[2]:at[3]]); err == nil {
		if slices.ContainsFunc(to, func(r mail.Recipient) bool { return r.Addr.Key() == addr.Key() }) {
			return received
		}
	}
	return received[:at[0]] + received[at[1]-1:]
}

// restore completes an edit of the opened message so that nothing of the pass is left.
func restore(edit *mail.Edit, opened *mail.Message) *mail.Edit {
	if edit.Header == nil {
		edit.Header = opened.Header
	}
	if edit.Body == nil {
		edit.Body = octets(opened.Body)
	}
	return edit
}
