package outbox

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"sealmilter/internal/mail"
)

// Time limits of the dialogue with the MTA on this host.
const (
	commandTimeout = time.Minute
	queueTimeout   = 5 * time.Minute // from the final dot to the MTA's answer
)

// session is one SMTP connection to the MTA.
type session struct {
	client *smtp.Client
	conn   net.Conn
	stop   func() bool
}

// connect opens a session, which ends with ctx.
func (o *Outbox) connect(ctx context.Context) (*session, error) {
	conn, err := o.dial(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{conn: conn, client: smtp.NewClient(conn)}
	s.client.CommandTimeout, s.client.SubmissionTimeout = commandTimeout, queueTimeout
	s.stop = context.AfterFunc(ctx, func() { conn.Close() })
	if err := s.client.Hello("sealmilter.localhost"); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// send runs one transaction.
func (s *session) send(env *mail.Envelope, c Copy) error {
	from, err := s.mailOptions(env, c)
	if err != nil {
		return err
	}
	to, err := rcptOptions(c.To)
	if err != nil {
		return err
	}
	if err := s.client.Mail(env.Sender.String(), from); err != nil {
		return refused(err)
	}
	if err := s.client.Rcpt(c.To.Addr.String(), to); err != nil {
		return refused(err)
	}
	data, err := s.client.Data()
	if err != nil {
		return refused(err)
	}
	// Whatever fails from here on must not reach the final dot, which would send a part of the message: the caller
	// closes the connection without it.
	w := bufio.NewWriterSize(data, 64<<10)
	if _, err := w.Write(append(c.Header.AppendTo(nil), '\r', '\n')); err != nil {
		return fmt.Errorf("send a copy: %w", err)
	}
	if _, err := c.Body.WriteTo(w); err != nil {
		return fmt.Errorf("send a copy: %w", err)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("send a copy: %w", err)
	}
	if _, err := data.CloseWithResponse(); err != nil {
		return refused(err)
	}
	return nil
}

// check refuses what the listener cannot take.
func (s *session) check(env *mail.Envelope, c Copy) error {
	if ok, _ := s.client.Extension("SMTPUTF8"); !ok && env.HasArg("SMTPUTF8") {
		return mail.Reject("5.6.7", "The mail server's loopback listener does not support SMTPUTF8, which this message needs.", nil)
	}
	if ok, _ := s.client.Extension("8BITMIME"); !ok && c.EightBit {
		return &mail.Failure{Code: 554, Enhanced: "5.6.3", Text: "The mail server's loopback listener does not support 8BITMIME, which this message needs."}
	}
	if most, ok := s.client.MaxMessageSize(); ok && most > 0 && c.size > int64(most) {
		return &mail.Failure{Code: 552, Enhanced: "5.3.4", Text: "The message is too large for the mail server once it is signed or encrypted."}
	}
	return nil
}

// mailOptions carries the parameters of the client's MAIL FROM along.
func (s *session) mailOptions(env *mail.Envelope, c Copy) (*smtp.MailOptions, error) {
	if err := s.check(env, c); err != nil {
		return nil, err
	}
	o := &smtp.MailOptions{Size: c.size, UTF8: env.HasArg("SMTPUTF8")}
	if value, ok := mail.Arg(env.Args, "RET"); ok {
		o.Return = smtp.DSNReturn(strings.ToUpper(value))
	}
	if value, ok := mail.Arg(env.Args, "ENVID"); ok {
		if o.EnvelopeID, ok = mail.DecodeXtext(value); !ok {
			return nil, mail.Reject("5.5.4", "The ENVID parameter of MAIL FROM is malformed.", nil)
		}
	}
	return o, nil
}

// rcptOptions carries the parameters of the client's RCPT TO along (RFC 3461, section 4).
func rcptOptions(to mail.Recipient) (*smtp.RcptOptions, error) {
	o := &smtp.RcptOptions{}
	if value, ok := mail.Arg(to.Args, "NOTIFY"); ok {
		for word := range strings.SplitSeq(strings.ToUpper(value), ",") {
			o.Notify = append(o.Notify, smtp.DSNNotify(word))
		}
	}
	value, ok := mail.Arg(to.Args, "ORCPT")
	if !ok {
		return o, nil
	}
	kind, address, _ := strings.Cut(value, ";")
	switch strings.ToLower(kind) {
	case "rfc822":
		o.OriginalRecipientType = smtp.DSNAddressTypeRFC822
		if o.OriginalRecipient, ok = mail.DecodeXtext(address); !ok {
			return nil, mail.Reject("5.5.4", "The ORCPT parameter of RCPT TO is malformed.", nil)
		}
	case "utf-8":
		o.OriginalRecipientType, o.OriginalRecipient = smtp.DSNAddressTypeUTF8, address
	}
	// Other types say nothing to anybody; the recipient's own address takes their place in reports.
	return o, nil
}

// refused makes a Failure of the MTA's refusal. Its text is the MTA's own, about an envelope that the client knows.
func refused(err error) error {
	var reply *smtp.SMTPError
	if !errors.As(err, &reply) {
		return fmt.Errorf("send a copy: %w", err)
	}
	code := reply.EnhancedCode
	if code[0] != reply.Code/100 { // none was given
		code = smtp.EnhancedCode{reply.Code / 100, 0, 0}
	}
	return &mail.Failure{
		Code:     reply.Code,
		Enhanced: fmt.Sprintf("%d.%d.%d", code[0], code[1], code[2]),
		Text:     "The mail server does not take a copy: " + reply.Message,
		Err:      err,
	}
}

// quit ends the session in good manners.
func (s *session) quit() {
	s.stop()
	if s.client.Quit() != nil {
		s.conn.Close()
	}
}

// close ends the session at once: the MTA throws away what it has of a message.
func (s *session) close() {
	s.stop()
	s.conn.Close()
}
