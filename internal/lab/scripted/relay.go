package scripted

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sealmilter/internal/lab"
)

// The fields that the MTA adds where the client sent none.
const (
	ownDate = " Mon, 2 Mar 2026 10:00:01 +0100"
	ownID   = " <%s@" + hostName + ">"
)

// accept shows a message to the milter, if there is one to be asked, delivers what becomes of it, and returns the reply to
// the client.
func (m *MTA) accept(message *Message, queueID, received string, f *filter) (reply string) {
	if m.manners.showsOwn {
		message.complete(queueID)
	}
	if f != nil {
		if reply := f.content(message); reply != "" {
			return reply
		}
		if f.discarded {
			return "250 2.0.0 Ok: queued as " + queueID
		}
	}
	// sendmail adds its own to what comes back from the milter.
	message.complete(queueID)
	message.Header = slices.Insert(message.Header, 0, Field{Name: "Received", Value: received})
	if len(message.Bytes()) > mostOctets {
		return "552 5.3.4 Error: message file too big"
	}
	if err := m.deliver(message); err != nil {
		m.object(fmt.Errorf("deliver %s: %w", queueID, err))
	}
	return "250 2.0.0 Ok: queued as " + queueID
}

// complete adds what RFC 5322, section 3.6, wants to be there.
func (m *Message) complete(queueID string) {
	if !m.has("Message-ID") {
		m.Header = append(m.Header, Field{Name: "Message-Id", Value: fmt.Sprintf(ownID, queueID)})
	}
	if !m.has("Date") {
		m.Header = append(m.Header, Field{Name: "Date", Value: ownDate})
	}
}

// received makes the trace field of a message. Both MTAs name the recipient if there is one only.
func received(helo string, m *Message, queueID string) string {
	to := ""
	if len(m.Recipients) == 1 {
		to = "\n\tfor " + m.Recipients[0].Path
	}
	return fmt.Sprintf(" from %s (localhost [127.0.0.1])\n\tby %s (Double) with ESMTP id %s%s;%s", helo, hostName, queueID, to, ownDate)
}

// deliver hands every recipient a copy, in a transaction of its own, and tells the sender of those that are refused. What
// the next hop cannot take at all gets nowhere.
func (m *MTA) deliver(message *Message) error {
	client, err := lab.Dial(m.ctx, m.config.Relay)
	if err != nil {
		return err
	}
	hop := client.Extensions.String()
	switch {
	case !strings.Contains(hop, "SMTPUTF8") && slices.ContainsFunc(message.Args, func(a string) bool { return strings.EqualFold(a, "SMTPUTF8") }):
		return client.Quit()
	case !strings.Contains(hop, "8BITMIME") && slices.ContainsFunc(message.Body, func(c byte) bool { return c > 127 }):
		client.Drop()
		return errors.New("the next hop takes no 8-bit text")
	}
	args := mailArgs(message.Args, strings.Contains(hop, "8BITMIME"))
	done := map[string]bool{}
	for _, to := range message.Recipients {
		if done[to.Path] {
			continue
		}
		done[to.Path] = true
		reply, err := transaction(client, message, args, to)
		if err == nil && reply.Code/100 == 5 {
			if _, err = client.Command("RSET"); err == nil {
				err = m.undeliverable(message, to, reply)
			}
		} else if err == nil && reply.Code != 250 {
			err = errors.New(reply.String())
		}
		if err != nil {
			client.Drop()
			return fmt.Errorf("to %s: %w", to.Path, err)
		}
	}
	return client.Quit()
}

// transaction returns the first refusal, or the last reply.
func transaction(client *lab.Client, message *Message, args []string, to Recipient) (reply lab.Reply, err error) {
	for _, step := range []func() (lab.Reply, error){
		func() (lab.Reply, error) { return client.Mail(bare(message.Sender), args...) },
		func() (lab.Reply, error) { return client.Rcpt(bare(to.Path), rcptArgs(to)...) },
		func() (lab.Reply, error) { return client.Data(message.Bytes()) },
	} {
		if reply, err = step(); err != nil || reply.Code != 250 {
			break
		}
	}
	return reply, err
}

// undeliverable tells the sender, unless there is none or the sender does not want to be told.
func (m *MTA) undeliverable(message *Message, to Recipient, reply lab.Reply) error {
	never := slices.ContainsFunc(to.Args, func(a string) bool { return strings.EqualFold(a, "NOTIFY=NEVER") })
	if never || bare(message.Sender) == "" {
		return nil
	}
	return m.bounce(message, reply.String())
}

// bounce returns a refused message to its sender: all of it, or the header if the sender wants that (RFC 3461, section 4.3).
func (m *MTA) bounce(refused *Message, reply string) error {
	content, quoted := "message/rfc822", refused.Bytes()
	if slices.ContainsFunc(refused.Args, func(a string) bool { return strings.EqualFold(a, "RET=HDRS") }) {
		content, quoted = "text/rfc822-headers", (&Message{Header: refused.Header}).Bytes()
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, `From: <MAILER-DAEMON@%s>
To: %s
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="bounce"

--bounce

%s

--bounce
Content-Type: %s

`, hostName, bare(refused.Sender), reply, content)
	report := &Message{Sender: "<>", Args: refused.Args, Recipients: []Recipient{{Path: "<" + bare(refused.Sender) + ">"}}}
	report.Header, report.Body = split(bytes.ReplaceAll(text.Bytes(), []byte("\n"), []byte("\r\n")))
	report.Body = append(append(report.Body, quoted...), "\r\n--bounce--\r\n"...)
	return m.deliver(report)
}
