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

// deliver hands every recipient a copy, in a transaction of its own.
func (m *MTA) deliver(message *Message) error {
	client, err := lab.Dial(m.ctx, m.config.Relay)
	if err != nil {
		return err
	}
	eightBit := strings.Contains(client.Extensions.String(), "8BITMIME")
	if !eightBit && slices.ContainsFunc(message.Body, func(c byte) bool { return c > 127 }) {
		client.Drop()
		return errors.New("the next hop takes no 8-bit text")
	}
	var args []string
	for _, arg := range message.Args {
		switch name, _, _ := strings.Cut(strings.ToUpper(arg), "="); {
		case name == "SIZE" || name == "AUTH", name == "BODY" && !eightBit:
		default:
			args = append(args, arg)
		}
	}
	done := map[string]bool{}
	for _, to := range message.Recipients {
		if done[to.Path] {
			continue
		}
		done[to.Path] = true
		if err := transaction(client, message, args, to); err != nil {
			client.Drop()
			return fmt.Errorf("to %s: %w", to.Path, err)
		}
	}
	return client.Quit()
}

func transaction(client *lab.Client, message *Message, args []string, to Recipient) error {
	for _, step := range []func() (lab.Reply, error){
		func() (lab.Reply, error) { return client.Mail(bare(message.Sender), args...) },
		func() (lab.Reply, error) { return client.Rcpt(bare(to.Path), to.Args...) },
		func() (lab.Reply, error) { return client.Data(message.Bytes()) },
	} {
		reply, err := step()
		if err == nil && reply.Code != 250 {
			err = errors.New(reply.String())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// bounce returns a refused message to its sender, all of it.
func (m *MTA) bounce(refused *Message, reply string) error {
	var text bytes.Buffer
	fmt.Fprintf(&text, `From: <MAILER-DAEMON@%s>
To: %s
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="bounce"

--bounce

%s

--bounce
Content-Type: message/rfc822

`, hostName, bare(refused.Sender), reply)
	report := &Message{Sender: "<>", Recipients: []Recipient{{Path: "<" + bare(refused.Sender) + ">"}}}
	report.Header, report.Body = split(bytes.ReplaceAll(text.Bytes(), []byte("\n"), []byte("\r\n")))
	report.Body = append(append(report.Body, refused.Bytes()...), "\r\n--bounce--\r\n"...)
	return m.deliver(report)
}
