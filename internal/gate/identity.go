package gate

import (
	"fmt"
	"io"
	"mime"
	netmail "net/mail"
	"strings"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
)

// mayUse reports whether a login may send as an address. A login without an entry may use itself.
func mayUse(senders config.Senders, login string, addr mail.Addr) bool {
	patterns, listed := senders.Logins[login]
	if !listed {
		own, err := mail.ParseAddr(login)
		return err == nil && own.Key() == addr.Key()
	}
	for _, p := range patterns {
		if p.Match(addr) {
			return true
		}
	}
	return false
}

// checkSender holds MAIL FROM against the login. The null sender belongs to nobody; the author is checked later.
func checkSender(senders config.Senders, env *mail.Envelope) error {
	if env.Login == "" || env.Sender.IsNull() || mayUse(senders, env.Login, env.Sender) {
		return nil
	}
	return mail.Reject("5.7.1", fmt.Sprintf("The login %s may not send as %s. Choose a sender address of your own, or ask the postmaster to allow this one.",
		env.Login, env.Sender), nil)
}

// author returns whose key signs: the first mailbox of From, after all of them have been held against the login. A
// client that has not logged in speaks for the mailbox of its MAIL FROM and no other (RFC 9788, section 10.1: who signs
// for users must know that they are the authors).
func author(senders config.Senders, origin Origin, m *mail.Message) (mail.Addr, error) {
	mailboxes, err := fromMailboxes(m.Header)
	if err != nil {
		return mail.Addr{}, err
	}
	env := m.Envelope
	for _, addr := range mailboxes {
		switch {
		case origin == Authenticated && mayUse(senders, env.Login, addr):
		case origin == Authenticated:
			return mail.Addr{}, mail.Reject("5.7.1", fmt.Sprintf("The login %s may not write as %s (From field). Choose a sender address of your own, or ask the postmaster to allow this one.",
				env.Login, addr), nil)
		case origin != Trusted && origin != NonSMTP:
			return mail.Addr{}, mail.Defer("4.7.0", "It is not known who sends this message.", nil)
		case env.Sender.IsNull() || env.Sender.Key() == addr.Key():
		default:
			return mail.Addr{}, mail.Reject("5.7.1", fmt.Sprintf("The From field says %s but the envelope sender is %s. Without a login both must be the same.",
				addr, env.Sender), nil)
		}
	}
	return mailboxes[0], nil
}

// fromMailboxes returns the mailboxes of the From field, at least one.
func fromMailboxes(h mail.Header) ([]mail.Addr, error) {
	fields := h.All("From")
	if len(fields) != 1 {
		return nil, mail.Reject("5.6.0", fmt.Sprintf("The message has %d From fields; it must have one (RFC 5322, section 3.6).", len(fields)), nil)
	}
	list, err := parseList(fields[0])
	if err != nil || len(list) == 0 {
		return nil, mail.Reject("5.6.0", "The From field of the message cannot be read as a mail address.", err)
	}
	var mailboxes []mail.Addr
	for _, entry := range list {
		addr, err := parseSpec(entry.Address)
		if err != nil {
			return nil, mail.Reject("5.6.0", "The From field of the message cannot be read as a mail address.", err)
		}
		mailboxes = append(mailboxes, addr)
	}
	return mailboxes, nil
}

// parseList reads an address list (RFC 5322, section 3.4). Names do not count here: they may be in a charset that
// nobody knows, and old programs write them in raw 8-bit.
func parseList(f mail.Field) ([]*netmail.Address, error) {
	anyCharset := func(string, io.Reader) (io.Reader, error) { return strings.NewReader("name"), nil }
	p := netmail.AddressParser{WordDecoder: &mime.WordDecoder{CharsetReader: anyCharset}}
	return p.ParseList(strings.ToValidUTF8(f.Text(), "?"))
}

// parseSpec parses an address as the library returns it: with the quotes of its local part taken off.
func parseSpec(spec string) (mail.Addr, error) {
	addr, err := mail.ParsePath(spec)
	if at := strings.LastIndexByte(spec, '@'); err != nil && at > 0 {
		local := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(spec[:at])
		return mail.ParseAddr(`"` + local + `"` + spec[at:])
	}
	return addr, err
}
