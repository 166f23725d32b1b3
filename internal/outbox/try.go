package outbox

import (
	"context"

	"sealmilter/internal/mail"
)

// Try asks the MTA's loopback listener whether it would take a copy, and sends none: the dialogue ends at RCPT TO. Errors
// are those of sending.
func (o *Outbox) Try(ctx context.Context, from, to mail.Addr) error {
	s, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer s.quit()
	defer attach(ctx, s.conn)()
	mailLine, rcptLine, err := s.commands(&mail.Envelope{Sender: from}, Copy{To: mail.Recipient{Addr: to}})
	if err != nil {
		return err
	}
	for _, line := range []string{mailLine, rcptLine} {
		if _, err := s.command(250, line); err != nil {
			return err
		}
	}
	return nil
}
