package gate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
	"sealmilter/keys"
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
	copies, err := g.seal(ctx, m, plan)
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

// sealedCopy is a copy that is ready to leave.
type sealedCopy struct {
	to     mail.Recipient
	header mail.Header
	body   io.WriterTo // nil for the body as it came
	// visible recipients are named in To or Cc.
	visible bool
}

// outgoing returns the copy as the outbox takes it.
func (c sealedCopy) outgoing(m *mail.Message) outbox.Copy {
	if c.body == nil {
		return outbox.Copy{To: c.to, Header: c.header, Body: octets(m.Body), EightBit: octets(m.Body).eightBit()}
	}
	return outbox.Copy{To: c.to, Header: c.header, Body: c.body}
}

// seal makes a copy for each recipient that gets one.
func (g *Gate) seal(ctx context.Context, m *mail.Message, plan *Plan) ([]sealedCopy, error) {
	named := namedRecipients(m.Header)
	var visible, hidden []*crypto.Cert
	sign := false
	for _, d := range plan.Decisions {
		switch {
		case d.Do == Encrypt && named[d.To.Addr.Key()]:
			visible = append(visible, d.Cert)
		case d.Do == Encrypt:
			hidden = append(hidden, d.Cert)
		case d.Do == SignOnly:
			sign = true
		}
	}
	var visibleCopies, hiddenCopies []*pgpmime.Copy
	var signed *pgpmime.Copy
	if sign || len(visible)+len(hidden) > 0 {
		signer, err := g.signer(ctx, plan)
		if err != nil {
			return nil, err
		}
		draft, err := g.prepare(m)
		if err != nil {
			return nil, err
		}
		options := crypto.EncryptOptions{Share: g.Config.Crypto.Share, NewestOnly: !g.Config.Crypto.AllSubkeys}
		if visibleCopies, hiddenCopies, err = draft.Encrypt(signer, visible, hidden, options); err != nil {
			return nil, err
		}
		if sign {
			if signer == nil {
				return nil, errors.New("a copy in clear text without a signature was asked for")
			}
			if signed, err = draft.Sign(signer); err != nil {
				return nil, err
			}
		}
	}
	var copies []sealedCopy
	for _, d := range plan.Decisions {
		c := sealedCopy{to: d.To, visible: named[d.To.Addr.Key()]}
		var made *pgpmime.Copy
		switch {
		case d.Do == Encrypt && c.visible:
			made, visibleCopies = visibleCopies[0], visibleCopies[1:]
		case d.Do == Encrypt:
			made, hiddenCopies = hiddenCopies[0], hiddenCopies[1:]
		case d.Do == SignOnly:
			made = signed
		case d.Do == Pass:
			// A Bcc field would tell everybody, and so would rspamd, which names recipients in its own.
			c.header = m.Header.Without("Bcc", "Resent-Bcc", "X-Spamd-Result")
		default:
			continue
		}
		if made != nil {
			c.header, c.body = made.Header, made.Body
		}
		copies = append(copies, c)
	}
	return copies, nil
}

// prepare makes the message ready to be signed and encrypted, or refuses one that cannot be.
func (g *Gate) prepare(m *mail.Message) (*pgpmime.Draft, error) {
	draft, err := g.Composer.Prepare(m)
	var malformed *pgpmime.MalformedError
	if errors.As(err, &malformed) {
		return nil, &mail.Failure{Code: 554, Enhanced: "5.6.0",
			Text: fmt.Sprintf("The message cannot be signed or encrypted: %v.", malformed), Err: err}
	}
	return draft, err
}

// signer returns the author's key, nil if copies go without a signature. A missing key is made now if the configuration
// wants that.
func (g *Gate) signer(ctx context.Context, plan *Plan) (*crypto.Signer, error) {
	if plan.signer != nil || !plan.generate {
		return plan.signer, nil
	}
	_, err := g.Signers.Generate(ctx, plan.Author, keys.GenerateOptions{Lifetime: g.Config.Senders.KeyLifetime})
	if err != nil && !errors.Is(err, keys.ErrHasSecretKey) {
		return nil, err
	}
	return g.Signers.Signer(ctx, plan.Author)
}

// namedRecipients returns the keys of the addresses in To and Cc. An address that cannot be read names nobody: its
// owner counts as hidden, which costs nothing.
func namedRecipients(h mail.Header) map[string]bool {
	named := map[string]bool{}
	for _, field := range []string{"To", "Cc", "Resent-To", "Resent-Cc"} {
		for _, f := range h.All(field) {
			list, err := parseList(f)
			if err != nil {
				continue
			}
			for _, entry := range list {
				if addr, err := parseSpec(entry.Address); err == nil {
					named[addr.Key()] = true
				}
			}
		}
	}
	return named
}

// send brings the copies on their way.
func (g *Gate) send(ctx context.Context, m *mail.Message, plan *Plan, identity outbox.Identity, copies []sealedCopy, refused []Decision) (*mail.Edit, error) {
	if len(copies) == 1 && len(refused) == 0 && spelledOnce(m.Envelope.Recipients)(copies[0].to) {
		// One copy needs nothing but the message itself, unless an earlier try has sent it already.
		sent, err := g.Outbox.Recorded(ctx, identity, copies[0].to)
		if err != nil {
			return nil, err
		}
		if sent {
			return &mail.Edit{Discard: true}, nil
		}
		return g.inPlace(m, copies[0]), nil
	}
	attempt, err := g.Outbox.Begin(ctx, identity)
	if errors.Is(err, outbox.ErrBusy) {
		return nil, mail.Defer("4.4.5", "This message is being sent already. Please try again later.", err)
	}
	if err != nil {
		return nil, err
	}
	defer attempt.End()

	stay, leave := choose(copies, m.Envelope.Recipients, attempt.Sent)
	var failed []undelivered
	for _, d := range refused {
		failed = append(failed, undelivered{d.To, d.failure(plan.Author)})
	}
	outgoing := make([]outbox.Copy, len(leave))
	for i, c := range leave {
		outgoing[i] = c.outgoing(m)
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
	for _, c := range outgoing {
		err := attempt.Send(ctx, m.Envelope, c)
		var refusal *mail.Failure
		switch {
		case err == nil:
		case errors.As(err, &refusal) && !refusal.Temporary() && attempt.Any():
			// Others have theirs, so the message cannot be refused as a whole any more: the sender gets a notice.
			g.Log.Warn("the MTA refuses a copy", "queue_id", m.Envelope.QueueID, "to", c.To.Addr.String(), "err", refusal)
			failed = append(failed, undelivered{c.To, refusal})
		default:
			return nil, fmt.Errorf("copy for %s: %w", c.To.Addr, err)
		}
	}
	if err := g.notify(ctx, attempt, m, m.Envelope.Sender, failed); err != nil {
		return nil, err
	}
	if err := attempt.Finish(ctx); err != nil {
		return nil, err
	}
	if stay == nil {
		return &mail.Edit{Discard: true}, nil
	}
	return g.inPlace(m, *stay), nil
}

// choose returns the copy that the message itself becomes, nil if there is none, and those for the outbox. The message
// becomes the copy of a recipient whom everybody sees, if there is one: its Received field shows that the message had
// more than one recipient, which must not tell a reader of a hidden one.
func choose(copies []sealedCopy, envelope []mail.Recipient, sent func(mail.Recipient) bool) (stay *sealedCopy, leave []sealedCopy) {
	spelledOnce := spelledOnce(envelope)
	var left []sealedCopy
	at := -1
	for _, c := range copies {
		if sent(c.to) {
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

// octets are a body that can be written again and again.
type octets []byte

func (o octets) WriteTo(w io.Writer) (int64, error) { return bytes.NewReader(o).WriteTo(w) }

func (o octets) eightBit() bool {
	return slices.ContainsFunc(o, func(c byte) bool { return c > 127 })
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
