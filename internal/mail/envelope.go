package mail

import (
	"net/netip"
	"strings"
)

// Recipient is one accepted RCPT TO.
type Recipient struct {
	Addr Addr
	// Raw is the argument of RCPT TO octet for octet. Both MTAs compare it case-sensitively when a milter deletes
	// a recipient, and say nothing when it does not match.
	Raw string
	// Args are the ESMTP parameters, such as "NOTIFY=NEVER" and "ORCPT=rfc822;a@example.org" (RFC 3461).
	Args []string
}

// Envelope is what the MTA says of a message beside its content (RFC 5321, section 2.3.1). One transaction owns it;
// it is not safe for concurrent use.
type Envelope struct {
	// Sender is the reverse-path, the null Addr for "<>".
	Sender Addr
	// RawSender is the argument of MAIL FROM octet for octet.
	RawSender string
	// Args are the ESMTP parameters of MAIL FROM, such as "BODY=8BITMIME", "SMTPUTF8" and "ENVID=x".
	Args []string
	// Recipients are in the order of RCPT TO and hold no refused one.
	Recipients []Recipient

	// Login is the authenticated SASL identity, "" without authentication.
	Login string
	// Client is the SMTP client's address, the zero Addr if it has none (a local socket), and ClientPort its port, 0 if
	// the MTA does not tell.
	Client     netip.Addr
	ClientPort uint16
	// Local marks a client on the MTA's own host, and User is the local user whose program it is, "" if that is not
	// known. In mail without SMTP the user may not be known before the header is.
	Local bool
	User  string
	// MTAUser is the local user that the MTA runs as, "" if that is not known. It is asked for at [DaemonInner] alone.
	MTAUser string
	// Helo is the client's HELO name.
	Helo string
	// Host is the MTA's own name ({j}), "" if it does not say.
	Host string
	// Daemon is the name of the MTA's listener ({daemon_name}).
	Daemon string
	// NonSMTP marks mail from sendmail(1) and cron: nobody listens to a reply at RCPT TO.
	NonSMTP bool
	// QueueID is the MTA's name for the message, "" until the MTA has told it.
	QueueID string
}

// HasArg reports whether the MAIL FROM parameter keyword was given, with or without a value (RFC 5321, section
// 4.1.1.11: keywords are case-insensitive).
func (e *Envelope) HasArg(keyword string) bool {
	for _, arg := range e.Args {
		name, _, _ := strings.Cut(arg, "=")
		if strings.EqualFold(name, keyword) {
			return true
		}
	}
	return false
}
