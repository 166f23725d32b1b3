package gate

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"sealmilter/internal/mail"
	"sealmilter/internal/outbox"
)

// undelivered is a recipient that gets nothing, and what SMTP would have said.
type undelivered struct {
	to      mail.Recipient
	failure *mail.Failure
}

// refuseAll tells the sender that nobody gets the message, of which nothing has left, and drops it.
func (g *Gate) refuseAll(ctx context.Context, m *mail.Message, identity outbox.Identity, why *mail.Failure) (*mail.Edit, error) {
	attempt, err := g.Outbox.Begin(ctx, identity)
	if err != nil {
		return nil, err
	}
	defer attempt.End()
	var all []undelivered
	for _, to := range m.Envelope.Recipients {
		all = append(all, undelivered{to, why})
	}
	if err := g.notify(ctx, attempt, m, all); err != nil {
		return nil, err
	}
	if err := attempt.Finish(ctx); err != nil {
		return nil, err
	}
	g.Log.Info("message of a local program refused", "queue_id", m.Envelope.QueueID, "from", m.Envelope.Sender.String(), "why", why.Text)
	return &mail.Edit{Discard: true}, nil
}

// notify tells the sender who gets nothing, once for a message and these recipients. The caller sees to it that there is a sender.
func (g *Gate) notify(ctx context.Context, attempt *outbox.Attempt, m *mail.Message, failed []undelivered) error {
	to := mail.Recipient{Addr: m.Envelope.Sender}
	var told []string
	for _, f := range failed {
		told = append(told, mailbox(f.to.Addr))
	}
	name := "not sent to " + strings.Join(told, ", ")
	if attempt.NoticeSent(to, name) {
		return nil
	}
	boundary, err := g.random()
	if err != nil {
		return fmt.Errorf("delivery status notification: %w", err)
	}
	id, err := g.messageID(m.Envelope.Sender)
	if err != nil {
		return fmt.Errorf("delivery status notification: %w", err)
	}
	header, body := g.notice(m, failed, id, "=_"+boundary)
	null := &mail.Envelope{}
	if err := attempt.Send(ctx, null, outbox.Copy{To: to, Header: header, Body: octets(body), Notice: name}); err != nil {
		return fmt.Errorf("delivery status notification: %w", err)
	}
	return nil
}

// notice composes a delivery status notification (RFC 3464). Of the message it shows what is needed to recognise it:
// neither Subject nor body, for they were to travel encrypted or not at all.
func (g *Gate) notice(m *mail.Message, failed []undelivered, id, boundary string) (mail.Header, []byte) {
	header := mail.Header{
		{Name: "From", Value: " Mail encryption service <postmaster@" + hostOf(m.Envelope.Sender) + ">"},
		{Name: "To", Value: " " + m.Envelope.Sender.String()},
		{Name: "Subject", Value: " Undelivered: your message could not be sent encrypted"},
		{Name: "Date", Value: " " + g.Now().Format(time.RFC1123Z)},
		{Name: "Message-ID", Value: " " + id},
		{Name: "Auto-Submitted", Value: " auto-replied"},
		{Name: "MIME-Version", Value: " 1.0"},
		{Name: "Content-Type", Value: " multipart/report; report-type=delivery-status;\r\n\tboundary=\"" + boundary + "\""},
	}
	if about := m.Header.Get("Message-ID"); about != "" {
		header = append(header, mail.Field{Name: "In-Reply-To", Value: " " + about})
	}
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\r\n", args...) }
	line("--%s", boundary)
	line("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n")
	line("Your message was not sent to these recipients:\r\n")
	for _, f := range failed {
		line("  %s\r\n    %s\r\n", f.to.Addr, strings.ReplaceAll(f.failure.Text, "\n", "\r\n    "))
	}
	line("All other recipients have got their copies. The text of the message is not quoted here.\r\n")
	line("--%s", boundary)
	line("Content-Type: message/delivery-status\r\n")
	line("Reporting-MTA: dns; %s", hostOf(m.Envelope.Sender))
	if id := m.Envelope.QueueID; id != "" {
		line("X-Queue-ID: %s", id)
	}
	for _, f := range failed {
		line("\r\nFinal-Recipient: rfc822; %s", f.to.Addr)
		line("Action: failed")
		line("Status: %s", f.failure.Enhanced)
		line("Diagnostic-Code: smtp; %d %s %s", f.failure.Code, f.failure.Enhanced, strings.ReplaceAll(f.failure.Text, "\n", " "))
	}
	line("\r\n--%s", boundary)
	line("Content-Type: text/rfc822-headers\r\n")
	for _, name := range []string{"From", "Date", "Message-ID"} {
		for _, field := range m.Header.All(name) {
			b.Write(mail.Header{field}.AppendTo(nil))
		}
	}
	line("\r\n--%s--", boundary)
	return header, b.Bytes()
}

func hostOf(a mail.Addr) string {
	if a.Domain() == "" || a.IsLiteral() {
		return "localhost"
	}
	return a.Domain()
}
