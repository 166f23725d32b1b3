package gate

import (
	"slices"
	"strings"

	"sealmilter/internal/mail"
)

// isAutomatic reports whether a message is one that a program has sent about another message, a delivery status
// notification for instance: its null sender says so (RFC 5321, section 4.5.5; RFC 3834, section 3.3). Its author is often
// nobody with a key, such as MAILER-DAEMON of a host. A client with a login is held to the addresses of its login in any
// case, so what it sends is treated like all its mail.
func isAutomatic(env *mail.Envelope, origin Origin) bool {
	return env.Sender.IsNull() && (origin == Trusted || origin == NonSMTP)
}

// hasAuthor reports whether somebody is named in the From field, and so has to be one as whom the claimant may write.
// Reports of old programs have "MAILER-DAEMON" there. From one who may not write as everybody nothing else is taken
// that cannot be read: a mail client may well read an address in it, or in the second of two fields.
func hasAuthor(m *mail.Message, c claimant) bool {
	if _, err := fromMailboxes(m.Header); err == nil {
		return true
	}
	fields := m.Header.All("From")
	return !c.anybody && (len(fields) > 1 || slices.ContainsFunc(fields, func(f mail.Field) bool { return strings.Contains(f.Value, "@") }))
}

// isReport reports whether the From field names nobody but this host's mail system, as the reports of sendmail(8) do when
// a local user's mail cannot be handed in. Such a report runs as that user, whose address it is not: it is sent without an
// author, so that it needs and gets nobody's signature.
func isReport(m *mail.Message) bool {
	mailboxes, err := fromMailboxes(m.Header)
	own, _ := mail.ParseAddr("MAILER-DAEMON@" + m.Envelope.Host) // the null address if that is no host name
	return err == nil && !slices.ContainsFunc(mailboxes, func(a mail.Addr) bool {
		return a.Domain() != own.Domain() && a.Domain() != "" || !strings.EqualFold(a.Local(), "MAILER-DAEMON")
	})
}
