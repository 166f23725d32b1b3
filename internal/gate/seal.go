package gate

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"sealmilter/crypto"
	"sealmilter/crypto/pgpmime"
	"sealmilter/internal/event"
	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
	"sealmilter/keys"
)

// sealedCopy is a copy that is ready to leave.
type sealedCopy struct {
	to     mail.Recipient
	header mail.Header
	body   io.WriterTo // nil for the body as it came
	// visible recipients are named in To or Cc.
	visible bool
	// class is that of [pgpmime.Copy.Class].
	class int
	// together says that it is encrypted, and the message is kept together.
	together bool
}

// outgoing returns the copy as the outbox takes it.
func (c sealedCopy) outgoing(m *mail.Message) outbox.Copy {
	if c.body == nil {
		return outbox.Copy{To: c.to, Header: c.header, Body: octets(m.Body), EightBit: octets(m.Body).eightBit(), Sealed: c.together}
	}
	return outbox.Copy{To: c.to, Header: c.header, Body: c.body, Sealed: c.together, Class: c.class}
}

// seal makes a copy for each recipient that gets one, ready to be written in their order until done is called. All of
// them hold on to the body of the message.
func (g *Gate) seal(ctx context.Context, m *mail.Message, plan *Plan) (copies []sealedCopy, done func(), err error) {
	began := g.Now()
	g.tell(event.SealStarted, m, event.Count(int64(len(plan.Decisions))))
	copies, done, err = g.makeCopies(ctx, m, plan)
	if err != nil {
		g.tell(event.SealFailed, m, event.Author(plan.Author), event.Err(err))
		return copies, done, err
	}
	g.tell(event.SealDone, m, event.Count(int64(len(copies))), event.Sealed(g.since(began)))
	return copies, done, nil
}

// makeCopies is seal. Done is to be called after an error, too.
func (g *Gate) makeCopies(ctx context.Context, m *mail.Message, plan *Plan) (copies []sealedCopy, done func(), err error) {
	done = func() {}
	named := namedRecipients(m.Header)
	var encrypted []*pgpmime.Copy
	signed := make(map[bool]*pgpmime.Copy) // by whether the author's certificate is attached
	if slices.ContainsFunc(plan.Decisions, func(d Decision) bool { return d.Do == Encrypt || d.Do == SignOnly }) {
		signer, err := g.signer(ctx, plan)
		if err != nil {
			return nil, done, err
		}
		draft, err := g.prepare(m)
		if err != nil {
			return nil, done, err
		}
		done = draft.Close
		g.introduce(ctx, draft, m, plan, signer)
		var readers []pgpmime.Reader
		for _, d := range plan.Decisions {
			if d.Do == Encrypt {
				readers = append(readers, pgpmime.Reader{Cert: d.Cert, Hidden: !named[d.To.Addr.Key()], AttachKey: d.attach})
			}
		}
		if len(readers) > 0 {
			options, err := g.sealingOptions(ctx, plan.Author, signer, m.Envelope)
			if err != nil {
				return nil, done, err
			}
			if encrypted, err = draft.Encrypt(signer, readers, options); err != nil {
				return nil, done, err
			}
		}
		for _, d := range plan.Decisions {
			if d.Do != SignOnly || signed[d.attach] != nil {
				continue
			}
			if signer == nil {
				return nil, done, errors.New("a copy in clear text without a signature was asked for")
			}
			if signed[d.attach], err = draft.Sign(signer, d.attach); err != nil {
				return nil, done, err
			}
		}
	}
	together := plan.together()
	for _, d := range plan.Decisions {
		c := sealedCopy{to: d.To, visible: named[d.To.Addr.Key()], together: d.encrypted() && together}
		var made *pgpmime.Copy
		switch d.Do {
		case Encrypt:
			made, encrypted = encrypted[0], encrypted[1:]
		case SignOnly:
			made = signed[d.attach]
		case Pass:
			c.header = pgpmime.WithoutEnvelope(m.Header)
		default:
			continue
		}
		if made != nil {
			c.header, c.body, c.class = made.Header, made.Body, made.Class()
		}
		copies = append(copies, c)
	}
	sortByClass(copies)
	return copies, done, nil
}

// sortByClass has the copies of a class follow each other. The first copy to a visible recipient comes first, for it is what
// the message itself is going to be when the others have left; so the others of its class come last.
func sortByClass(copies []sealedCopy) {
	if len(copies) == 0 {
		return
	}
	first := max(0, slices.IndexFunc(copies, func(c sealedCopy) bool { return c.visible }))
	stays := copies[first]
	others := slices.Delete(copies, first, first+1)
	slices.SortStableFunc(others, func(a, b sealedCopy) int {
		switch {
		case a.class == b.class:
			return 0
		case a.class == stays.class:
			return 1
		case b.class == stays.class:
			return -1
		default:
			return cmp.Compare(a.class, b.class)
		}
	})
	copy(copies[1:], others)
	copies[0] = stays
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

// octets are a body that can be written again and again.
type octets []byte

func (o octets) WriteTo(w io.Writer) (int64, error) { return bytes.NewReader(o).WriteTo(w) }

// Size is in octets.
func (o octets) Size() int64 { return int64(len(o)) }

func (o octets) eightBit() bool {
	return slices.ContainsFunc(o, func(c byte) bool { return c > 127 })
}
