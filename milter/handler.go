package milter

import (
	"context"

	"sealmilter/internal/mail"
)

// Handler decides about one message. One Handler serves one message; its calls come one after the other.
//
// The context of a call ends when the call is over, when the MTA aborts the message or goes away, and when the time for
// the call is up; the cause is [ErrTime] then, and an error is answered with 451. A call that does not return soon
// afterwards is given up. Other errors reach the client through [mail.AsFailure]. A panic is logged with its stack and
// answered with 451.
type Handler interface {
	// Rcpt is asked once per RCPT TO; nil accepts it. An error refuses this recipient only, except in non-SMTP mail:
	// there nobody listens at RCPT TO, and the error becomes the answer to the whole message at its end. The
	// recipient joins env.Recipients after it was accepted.
	Rcpt(ctx context.Context, env *mail.Envelope, to mail.Recipient) error

	// Message is called once, when the whole message is there. The edit is applied only if the error is nil; a nil
	// Edit leaves the message as it is.
	//
	// While Message works, progress packets keep the MTA waiting. While Edit.Body is written none can be sent, for
	// Postfix takes any packet between two pieces as the end of the body: Body must not wait for anything.
	Message(ctx context.Context, m *mail.Message) (*mail.Edit, error)
}
