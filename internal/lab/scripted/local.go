package scripted

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/user"
	"slices"

	"sealmilter/internal/lab"
)

// Sendmail submits a message as a program of root's on the MTA's host does. Args may begin with "-f" and the sender; the
// recipients follow. Neither MTA can ask the program anything any more when the milter answers. So a refused recipient is an
// error, as Postfix would try for ever; a refused message goes back to its sender; and one that is to be tried again is an
// error, too, as here nobody tries.
func (m *MTA) Sendmail(ctx context.Context, data []byte, args ...string) error {
	return m.SendmailAs(ctx, "root", data, args...)
}

// SendmailAs is Sendmail by another user of this host.
func (m *MTA) SendmailAs(ctx context.Context, name string, data []byte, args ...string) error {
	sender := name + "@" + hostName
	if len(args) > 1 && args[0] == "-f" {
		sender, args = bare(args[1]), args[2:]
	}
	if len(args) == 0 {
		return errors.New("sendmail: nobody is to get the message")
	}
	message := &Message{Sender: sender}
	for _, to := range args {
		message.Recipients = append(message.Recipients, Recipient{Path: to})
	}
	message.Header, message.Body = split(data)
	original := *message
	original.Header = slices.Clone(message.Header)
	submit := m.overSMTP
	if m.manners.pickup {
		submit = m.pickUp
	}
	reply, err := submit(ctx, name, message, data)
	switch {
	case err != nil:
		return fmt.Errorf("sendmail: %w", err)
	case reply[0] == '2':
		return nil
	case reply[0] == '5' && sender == "":
		return nil // Nobody is told.
	case reply[0] == '5':
		return m.bounce(&original, reply)
	default:
		return fmt.Errorf("sendmail: the message stays in the queue: %s", reply)
	}
}

// overSMTP is the way of sendmail's submission program. The milter finds out whose program is at the other end.
func (m *MTA) overSMTP(ctx context.Context, name string, message *Message, data []byte) (reply string, err error) {
	c, err := lab.DialAs(ctx, name, m.local.Addr)
	if err != nil {
		return "", err
	}
	defer c.Drop()
	var to []string
	for _, r := range message.Recipients {
		to = append(to, r.Path)
	}
	rcpt, last, err := c.Send(message.Sender, to, data)
	if err != nil {
		return "", err
	}
	for _, r := range rcpt {
		if r.Code != 250 {
			return "", fmt.Errorf("a recipient is refused: %s", r)
		}
	}
	return last.String(), c.Quit()
}

// pickUp is the way of Postfix's pickup service. Its own Received field tells the user; milters are not shown that, but the
// copy of it that the shipped header_checks make.
func (m *MTA) pickUp(ctx context.Context, name string, message *Message, _ []byte) (reply string, err error) {
	account, err := user.Lookup(name)
	if err != nil {
		return "", err
	}
	queueID := m.queueID()
	f := newFilter(ctx, m.manners, m.config, m.object, "LOCALSUBMIT", netip.MustParseAddrPort("127.0.0.1:0"), netip.AddrPort{})
	defer f.quit()
	f.values["i"] = queueID // What is in the maildrop has its name already.
	reply = f.helo("localhost")
	if reply == "" {
		reply = f.mail(queueID, message.Sender, nil)
	}
	for _, to := range message.Recipients {
		if reply == "" {
			reply = f.rcpt(queueID, to.Path, nil)
		}
	}
	if reply == "" {
		reply = f.data()
	}
	if reply != "" {
		f.endMessage(true, false)
		return "", fmt.Errorf("the message stays in the maildrop for ever: %s", reply)
	}
	message.addUTF8()
	received := fmt.Sprintf(" by %s (Postfix, from userid %s)\n\tid %s;%s", hostName, account.Uid, queueID, ownDate)
	message.Header = slices.Insert(message.Header, 0, Field{Name: "Received", Value: received})
	defer f.endMessage(true, true)
	return m.accept(message, queueID, received, f), nil
}
