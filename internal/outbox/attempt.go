package outbox

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"sealmilter/internal/mail"
)

// recordTimeout bounds a record that does not end with its client.
const recordTimeout = 30 * time.Second

// closedFor is how long a finished message is remembered, if it has a Message-ID: the MTA can fail after our answer, and
// the client then tries again. Without a Message-ID it is forgotten at once, since programs like cron send the same text
// again and mean it.
const closedFor = time.Hour

// Copy is one recipient's copy.
type Copy struct {
	To     mail.Recipient
	Header mail.Header
	// Body writes the body with CRLF line ends.
	Body io.WriterTo
	// Notice is "" for a copy of the message. A notice about the message is named here after what it tells: another
	// try may have something else to tell.
	Notice string
	// EightBit says that the body has octets above 127.
	EightBit bool

	size int64 // of header and body in octets, 0 if it was not checked
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
func (a *Attempt) Sent(to mail.Recipient) bool { return a.sent[a.identity.copyName(to, "")] }

// NoticeSent reports whether the notice of that name to somebody is on record as sent.
func (a *Attempt) NoticeSent(to mail.Recipient, notice string) bool {
	return a.sent[a.identity.copyName(to, notice)]
}

// Any reports whether anything is on record as sent.
func (a *Attempt) Any() bool { return len(a.sent) > 0 }

// Recorded reports whether the copy to a recipient is on record as sent, for a message that needs no attempt.
func (o *Outbox) Recorded(ctx context.Context, id Identity, to mail.Recipient) (bool, error) {
	names, err := o.ledger.SentCopies(ctx, id.digest, o.now())
	if err != nil {
		return false, fmt.Errorf("read the ledger: %w", err)
	}
	return slices.Contains(names, id.copyName(to, "")), nil
}

// Check returns a [*mail.Failure] if the MTA cannot take one of the copies: it is too large, or needs an extension that
// the listener does not offer. Called before the first Send, it keeps such a message from leaving in part.
func (a *Attempt) Check(ctx context.Context, env *mail.Envelope, copies []Copy) error {
	if err := a.connect(ctx); err != nil {
		return err
	}
	for i := range copies {
		size, err := copies[i].measure()
		if err != nil {
			return fmt.Errorf("measure a copy: %w", err)
		}
		copies[i].size = size
		if _, _, err := a.session.commands(env, copies[i]); err != nil {
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
	body, err := c.Body.WriteTo(io.Discard)
	return header + int64(len("\r\n")) + body, err
}

// connect makes sure that there is a session.
func (a *Attempt) connect(ctx context.Context) (err error) {
	if a.session == nil {
		if a.session, err = a.outbox.connect(ctx); err != nil {
			return fmt.Errorf("connect to the MTA's loopback listener %s: %w", a.outbox.addr, err)
		}
	}
	return nil
}

// Send puts a copy into the MTA's queue and records that, durably, before it returns nil. After an error the copy may
// be in the queue only if the connection broke, or the record failed, in the moment of the MTA's yes. The end of ctx
// keeps a copy from being sent, but not one from being recorded that the MTA has got.
//
// A refusal by the MTA is a [*mail.Failure] with the MTA's code; everything else is temporary.
func (a *Attempt) Send(ctx context.Context, env *mail.Envelope, c Copy) error {
	name := a.identity.copyName(c.To, c.Notice)
	if a.outbox.unrecorded.Load() {
		// Every try of every client would send a copy once more that cannot be recorded. This record counts for no time.
		now := a.outbox.now()
		if err := a.record(ctx, name, now, now); err != nil {
			return err
		}
	}
	if err := a.connect(ctx); err != nil {
		return err
	}
	if err := a.transmit(ctx, env, c); err != nil {
		return err
	}
	now := a.outbox.now()
	// The MTA has the copy, whether or not the client still waits.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if err := a.record(ctx, name, now, now.Add(a.identity.openFor())); err != nil {
		return err
	}
	a.sent[name] = true
	return nil
}

// transmit runs one transaction of the session. What breaks off, be it by a panic of the body, is closed at once: any
// further command, QUIT as well, would first end the message with its final dot.
func (a *Attempt) transmit(ctx context.Context, env *mail.Envelope, c Copy) error {
	whole := false
	defer func() {
		if !whole {
			a.session.close()
			a.session = nil
		}
	}()
	err := a.session.send(ctx, env, c, func() error { return nil })
	whole = err == nil
	return err
}

// record writes to the ledger, and notes whether it can be written to.
func (a *Attempt) record(ctx context.Context, name string, at, expires time.Time) error {
	err := a.outbox.ledger.RecordSent(ctx, a.identity.digest, name, at, expires)
	a.outbox.unrecorded.Store(err != nil)
	return err
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
