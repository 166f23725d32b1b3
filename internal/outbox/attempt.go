package outbox

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"sealmilter/internal/mail"
)

const (
	// openFor is how long a message that was not finished is remembered: as long as a client may keep trying (RFC 5321,
	// section 4.5.4.1).
	openFor = 5 * 24 * time.Hour
	// closedFor is how long a finished one is, if it has a Message-ID: the MTA can fail after our answer, and the client
	// then tries again. Without a Message-ID it is forgotten at once, since programs like cron send the same text again
	// and mean it.
	closedFor = time.Hour
)

// Copy is one recipient's copy.
type Copy struct {
	To     mail.Recipient
	Header mail.Header
	// Body writes the body with CRLF line ends.
	Body io.WriterTo
	// Notice marks a notice about the message, which is no copy of it.
	Notice bool
	// Size estimates header and body in octets; 0 if it is not known.
	Size int64
}

// Attempt is one try to send the copies of a message. One goroutine uses it, and ends it with End.
type Attempt struct {
	outbox   *Outbox
	identity Identity
	sent     map[string]bool
	session  *session
}

// Begin opens an attempt. It fails with [ErrBusy] while another attempt of the same message is open.
func (o *Outbox) Begin(ctx context.Context, id Identity) (*Attempt, error) {
	o.mu.Lock()
	busy := o.busy[id.digest]
	o.busy[id.digest] = true
	o.mu.Unlock()
	if busy {
		return nil, ErrBusy
	}
	a := &Attempt{outbox: o, identity: id, sent: map[string]bool{}}
	names, err := o.ledger.SentCopies(ctx, id.digest, o.now())
	if err != nil {
		a.End()
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	for _, name := range names {
		a.sent[name] = true
	}
	return a, nil
}

// Sent reports whether the copy to a recipient is on record as sent.
func (a *Attempt) Sent(to mail.Recipient) bool { return a.sent[a.identity.copyName(to, false)] }

// NoticeSent reports whether a notice to somebody is on record as sent.
func (a *Attempt) NoticeSent(to mail.Recipient) bool { return a.sent[a.identity.copyName(to, true)] }

// Any reports whether anything is on record as sent.
func (a *Attempt) Any() bool { return len(a.sent) > 0 }

// Recorded reports whether the copy to a recipient is on record as sent, for a message that needs no attempt.
func (o *Outbox) Recorded(ctx context.Context, id Identity, to mail.Recipient) (bool, error) {
	names, err := o.ledger.SentCopies(ctx, id.digest, o.now())
	if err != nil {
		return false, fmt.Errorf("read the ledger: %w", err)
	}
	return slices.Contains(names, id.copyName(to, false)), nil
}

// Send puts a copy into the MTA's queue and records that, durably, before it returns nil. After an error the copy may
// be in the queue only if the connection broke, or the record failed, in the moment of the MTA's yes.
//
// A refusal by the MTA is a [*mail.Failure] with the MTA's code; everything else is temporary.
func (a *Attempt) Send(ctx context.Context, env *mail.Envelope, c Copy) error {
	if a.session == nil {
		s, err := a.outbox.connect(ctx)
		if err != nil {
			return fmt.Errorf("connect to the MTA's loopback listener %s: %w", a.outbox.addr, err)
		}
		a.session = s
	}
	if err := a.session.send(env, c); err != nil {
		a.session.close()
		a.session = nil
		return err
	}
	name := a.identity.copyName(c.To, c.Notice)
	now := a.outbox.now()
	if err := a.outbox.ledger.RecordSent(ctx, a.identity.digest, name, now, now.Add(openFor)); err != nil {
		return err
	}
	a.sent[name] = true
	return nil
}

// Finish notes that every copy has been taken care of, before the client is told so.
func (a *Attempt) Finish(ctx context.Context) error {
	if len(a.sent) == 0 {
		return nil
	}
	var names []string
	for name := range a.sent {
		names = append(names, name)
	}
	expires := a.outbox.now()
	if a.identity.named {
		expires = expires.Add(closedFor)
	}
	return a.outbox.ledger.ExpireSent(ctx, a.identity.digest, names, expires)
}

// End lets go of the connection, and lets the message be tried again. What is recorded stays.
func (a *Attempt) End() {
	if a.session != nil {
		a.session.quit()
		a.session = nil
	}
	a.outbox.mu.Lock()
	defer a.outbox.mu.Unlock()
	delete(a.outbox.busy, a.identity.digest)
}
