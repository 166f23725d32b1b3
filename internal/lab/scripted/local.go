package scripted

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/user"
	"slices"

	"sealmilter/internal/lab"
)

// Sendmail submits a message as a program of root's on the MTA's host does: "-f", the sender, recipients. Postfix shows it to the
// milter when it takes it from its maildrop, sendmail when its submission program hands it in over SMTP; neither can ask the
// program anything any more. So a refused recipient is an error, as Postfix would try for ever; a refused message
// goes back to its sender; and one that is to be tried again is an error, too, as here nobody tries.
func (m *MTA) Sendmail(ctx context.Context, data []byte, args ...string) error {
	return m.SendmailAs(ctx, "root", data, args...)
}

// SendmailAs does the same for a program of another user of this machine.
func (m *MTA) SendmailAs(ctx context.Context, name string, data []byte, args ...string) error {
	if len(args) < 3 || args[0] != "-f" {
		return errors.New("sendmail: the arguments must be -f, a sender and recipients")
	}
	form, client, port := "%s", netip.MustParseAddrPort("127.0.0.1:0"), ""
	if !m.manners.barePaths {
		// The submission program is a client of the user's. What it says here it does not say for itself.
		program, err := lab.DialAs(ctx, name, m.SubmissionAddr())
		if err != nil {
			return fmt.Errorf("sendmail: %w", err)
		}
		defer program.Drop()
		form, client = "<%s>", netip.MustParseAddrPort(program.LocalAddr().String())
		_, port, _ = net.SplitHostPort(m.SubmissionAddr())
	}
	account, err := user.Lookup(name)
	if err != nil {
		return fmt.Errorf("sendmail: %w", err)
	}
	queueID := m.queueID()
	f := newFilter(ctx, m.manners, m.config, m.object, "LOCALSUBMIT", "localhost", client, port)
	defer f.quit()
	message := &Message{Sender: fmt.Sprintf(form, args[1])}
	// What sendmail(1) takes in has its name already.
	f.values["i"] = queueID
	reply := f.helo("localhost")
	if reply == "" {
		reply = f.mail(queueID, message.Sender, nil)
	}
	for _, to := range args[2:] {
		if reply == "" {
			path := fmt.Sprintf(form, to)
			message.Recipients = append(message.Recipients, Recipient{Path: path})
			reply = f.rcpt(queueID, path, nil)
		}
	}
	if reply == "" {
		reply = f.data()
	}
	if reply != "" {
		f.endMessage(true, false)
		return fmt.Errorf("sendmail: the message stays in the maildrop for ever: %s", reply)
	}
	defer f.endMessage(true, true)
	message.Header, message.Body = split(data)
	original := *message
	own := received("localhost", message, queueID)
	if m.manners.barePaths {
		// A header check of Postfix's shows the milter the field that Postfix adds, which it would not see otherwise.
		own = fmt.Sprintf(" by %s (Postfix, from userid %s)\n\tid %s;%s", hostName, account.Uid, queueID, ownDate)
		message.Header = slices.Insert(slices.Clone(message.Header), 0, Field{Name: "Received", Value: own})
	}
	switch reply = m.accept(message, queueID, own, f); reply[0] {
	case '2':
		return nil
	case '5':
		return m.bounce(&original, reply)
	default:
		return fmt.Errorf("sendmail: the message stays in the queue: %s", reply)
	}
}
