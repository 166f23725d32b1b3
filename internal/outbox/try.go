package outbox

import (
	"context"

	"github.com/emersion/go-smtp"

	"sealmilter/internal/mail"
)

// Try asks the MTA's loopback listener whether it would take a copy, and sends none: the dialogue ends at RCPT TO. Errors
// are those of sending.
func (o *Outbox) Try(ctx context.Context, from, to mail.Addr) error {
	s, err := o.connect(ctx)
	if err != nil {
		return err
	}
	defer s.quit()
	if err := s.client.Mail(from.String(), &smtp.MailOptions{}); err != nil {
		return refused(err)
	}
	if err := s.client.Rcpt(to.String(), &smtp.RcptOptions{}); err != nil {
		return refused(err)
	}
	return nil
}
