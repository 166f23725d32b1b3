package outbox

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"sealmilter/internal/mail"
)

// Copy is one recipient's copy.
type Copy struct {
	To     mail.Recipient
	Header mail.Header
	// Body writes the body with CRLF line ends.
	Body io.WriterTo
	// Notice is "" for a copy of the message. A notice about the message is named here after what it tells: another
	// try may have something else to tell.
	Notice string
	// About are the recipients whom a notice tells about: from then on they count as told of.
	About []mail.Recipient
	// EightBit says that the body has octets above 127.
	EightBit bool
	// Sealed copies are on record as such, for [Outbox.SealedBefore].
	Sealed bool
	// Class is the same for copies that cost less when they are written together than with others in between.
	Class int
	// Accepted is called, if it is there, when the MTA has put the copy into its queue, with what it said. The copy may
	// not be on record yet. It is called from a goroutine of the outbox's own, and does not block.
	Accepted func(reply string)

	size int64 // of header and body in octets, 0 if it was not checked
}

// Attempt is one try to send the copies of a message. One goroutine uses it, and ends it with End.
type Attempt struct {
	outbox   *Outbox
	identity Identity
	began    time.Time
	// first is the connection that is never held back.
	first lane
	// forget ends what the witness knows of a message that was finished, nil before and when that has been called.
	forget func()

	mu   sync.Mutex
	sent map[string]bool
	// changes counts what was written to the ledger, and flushed those of them that survive the loss of power.
	changes, flushed int
	// recordable says that the ledger has taken a record of this attempt.
	recordable bool
}

// Begin opens an attempt. It fails with [ErrBusy] while another attempt of the same message is open, here or wherever the
// same ledger is used.
func (o *Outbox) Begin(ctx context.Context, id Identity) (*Attempt, error) {
	claimed, err := o.ledger.Claim(ctx, id.digest)
	if err != nil {
		return nil, err
	}
	if !claimed {
		return nil, ErrBusy
	}
	a := &Attempt{outbox: o, identity: id, began: o.now(), sent: map[string]bool{}}
	a.first.attempt = a
	names, err := o.sentCopies(ctx, id, a.began)
	if err != nil {
		a.End()
		return nil, err
	}
	for _, name := range names {
		a.sent[name] = true
	}
	if len(names) > 0 {
		a.changes++ // whoever wrote these may have died before the flush
	}
	return a, nil
}

// Sent reports whether the copy to a recipient is on record as sent.
func (a *Attempt) Sent(to mail.Recipient) bool { return a.sent[a.identity.copyName(to, "")] }

// NoticeSent reports whether the notice of that name to somebody is on record as sent.
func (a *Attempt) NoticeSent(to mail.Recipient, notice string) bool {
	return a.sent[a.identity.copyName(to, notice)]
}

// Told reports whether the sender has been told that a recipient gets no copy, which is not to be sent any more.
func (a *Attempt) Told(to mail.Recipient) bool { return a.sent[a.identity.copyName(to, toldOf)] }

// Any reports whether anything is on record as sent.
func (a *Attempt) Any() bool { return len(a.sent) > 0 }

// Recorded reports whether the copy to a recipient is on record as sent, or the sender as told that it is not, for a
// message that needs no attempt.
func (o *Outbox) Recorded(ctx context.Context, id Identity, to mail.Recipient) (bool, error) {
	names, err := o.sentCopies(ctx, id, o.now())
	return slices.Contains(names, id.copyName(to, "")) || slices.Contains(names, id.copyName(to, toldOf)), err
}

// Begun reports whether a copy to one of the recipients is on record as sent.
func (o *Outbox) Begun(ctx context.Context, id Identity, recipients []mail.Recipient) (bool, error) {
	names, err := o.sentCopies(ctx, id, o.now())
	return slices.ContainsFunc(recipients, func(to mail.Recipient) bool { return slices.Contains(names, id.copyName(to, "")) }), err
}

// SealedBefore reports whether a copy to one of the recipients is on record as sent and sealed.
func (o *Outbox) SealedBefore(ctx context.Context, id Identity, recipients []mail.Recipient) (bool, error) {
	names, err := o.sentCopies(ctx, id, o.now())
	return slices.ContainsFunc(recipients, func(to mail.Recipient) bool { return slices.Contains(names, id.copyName(to, sealedFor)) }), err
}

func (o *Outbox) sentCopies(ctx context.Context, id Identity, at time.Time) ([]string, error) {
	names, err := o.ledger.SentCopies(ctx, id.digest, at, id.latest(at))
	if err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	return append(names, o.remembered(id, at)...), nil
}

// Check returns a [*mail.Failure] if the MTA cannot take one of the copies: it is too large, or needs an extension that
// the listener does not offer. Called before the first Send, it keeps such a message from leaving in part.
func (a *Attempt) Check(ctx context.Context, env *mail.Envelope, copies []Copy) error {
	began := a.outbox.now()
	if err := a.first.connect(ctx); err != nil {
		a.outbox.copied(resultOf(err), began)
		return err
	}
	for i := range copies {
		size, err := copies[i].measure()
		if err != nil {
			return fmt.Errorf("measure a copy: %w", err)
		}
		copies[i].size = size
		if _, _, err := a.first.session.commands(env, copies[i]); err != nil {
			return err
		}
	}
	return nil
}

// measure counts the octets of header and body.
func (c Copy) measure() (int64, error) {
	header, err := c.Header.WriteTo(io.Discard)
	if err != nil {
		return 0, err
	}
	if sized, ok := c.Body.(interface{ Size() int64 }); ok {
		return header + int64(len("\r\n")) + sized.Size(), nil
	}
	body, err := c.Body.WriteTo(io.Discard)
	return header + int64(len("\r\n")) + body, err
}

// Send puts a copy into the MTA's queue and records that before it returns nil. After an error the copy may be in the
// queue only if the connection broke, or the record failed, in the moment of the MTA's yes. The end of ctx keeps a copy
// from being sent, but not one from being recorded that the MTA has got.
//
// A record survives the end of the process at once. It survives the loss of power before the MTA gets the final dot of
// the next copy, and before Finish returns.
//
// A refusal by the MTA is a [*mail.Failure] with the MTA's code; everything else is temporary. [ErrBusy] says that another
// host has taken over the message.
func (a *Attempt) Send(ctx context.Context, env *mail.Envelope, c Copy) error {
	return a.first.deliver(ctx, env, c)
}

// names returns what a copy is recorded as; the first is the copy itself.
func (a *Attempt) names(c Copy) []string {
	names := []string{a.identity.copyName(c.To, c.Notice)}
	if c.Sealed {
		names = append(names, a.identity.copyName(c.To, sealedFor))
	}
	for _, to := range c.About {
		names = append(names, a.identity.copyName(to, toldOf))
	}
	return names
}

// Finish notes that every copy has been taken care of, before the client is told so. The note survives the loss of power
// when Finish returns nil. It is the last step but Answered and Unanswered: a message without a Message-ID is forgotten
// here.
func (a *Attempt) Finish(ctx context.Context) error {
	a.first.end()
	if len(a.sent) == 0 {
		return nil
	}
	if !a.identity.named {
		a.forget = a.remember()
	}
	err := a.close(ctx)
	if err == nil {
		a.changes++
		err = a.flush(ctx)
	}
	if err != nil {
		a.reopen()
		a.Answered()
	}
	return err
}

// End lets go of the connections, and lets the message be tried again. What is recorded stays.
func (a *Attempt) End() {
	a.first.end()
	ctx, cancel := context.WithTimeout(context.Background(), recordTimeout)
	defer cancel()
	a.flush(ctx)                                         // after an error, the next Send of the outbox tries it again
	a.outbox.ledger.ReleaseClaim(ctx, a.identity.digest) // after an error, it runs out
}
