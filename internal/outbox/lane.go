package outbox

import (
	"context"

	"sealmilter/internal/mail"
)

// lane is one of the connections that copies of a message go over, one after the other. One goroutine uses it.
type lane struct {
	attempt *Attempt
	session *session // nil before the first copy, and after an error
}

// connect makes sure that there is a session.
func (l *lane) connect(ctx context.Context) error {
	if l.session == nil {
		l.session = l.attempt.outbox.kept.take()
	}
	if l.session != nil {
		return nil
	}
	return l.reconnect(ctx)
}

func (l *lane) reconnect(ctx context.Context) (err error) {
	l.session, err = l.attempt.outbox.open(ctx)
	return err
}

// end gives the session, if there is one, to the next message.
func (l *lane) end() {
	if l.session != nil {
		l.attempt.outbox.kept.give(l.session)
		l.session = nil
	}
}

// drop ends the session at once.
func (l *lane) drop() {
	if l.session != nil {
		l.session.close()
		l.session = nil
	}
}

// send is [Attempt.Send] over this connection.
func (l *lane) send(ctx context.Context, env *mail.Envelope, c Copy) error {
	names := l.attempt.names(c)
	if err := l.attempt.probe(ctx, names[0]); err != nil {
		return err
	}
	if err := l.transmit(ctx, env, c, names); err != nil {
		return err
	}
	defer l.session.settle()
	// The MTA has the copy, whether or not the client still waits.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	return l.attempt.record(ctx, names...)
}

// transmit runs one transaction, while the last records are flushed. What breaks off, be it by a panic of the body, is
// closed at once: any further command, QUIT as well, would first end the message with its final dot. Names are what is
// to be recorded then.
func (l *lane) transmit(ctx context.Context, env *mail.Envelope, c Copy, names []string) error {
	whole := false
	defer func() {
		if !whole {
			l.drop()
		}
	}()
	secured := l.attempt.secure(ctx)
	if err := l.begin(ctx, env, c); err != nil {
		return err
	}
	err := l.session.send(ctx, c, func(octets int) (forget func(), err error) {
		if err := secured(); err != nil {
			return nil, err
		}
		return l.attempt.watch(l.session.tcp, octets, names), nil
	})
	whole = err == nil
	return err
}

// begin starts a transaction. An MTA may hang up between two of them, which may show no earlier than here: nothing of
// the copy has been said then, and it goes over a new connection.
func (l *lane) begin(ctx context.Context, env *mail.Envelope, c Copy) error {
	if err := l.connect(ctx); err != nil {
		return err
	}
	err := l.session.begin(ctx, env, c)
	if err == nil || !l.session.rested || !l.session.gone || ctx.Err() != nil {
		return err
	}
	l.drop()
	if err := l.reconnect(ctx); err != nil {
		return err
	}
	return l.session.begin(ctx, env, c)
}
