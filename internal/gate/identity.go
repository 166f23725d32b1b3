package gate

import (
	"fmt"
	"io"
	"mime"
	netmail "net/mail"
	"slices"
	"strconv"
	"strings"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
)

// claimant is who sends a message, as far as that is proven: a login, a user of this host, or nobody.
type claimant struct {
	// name is the name in [senders.logins]; kind says in a reply what it is.
	name, kind string
	// anybody may send as everybody: whose name is not known, and the user root, who can read every secret key.
	anybody bool
	// own has the addresses of one who is not listed.
	own []mail.Addr
}

// claimantOf returns who sends a message. The zero claimant, who may send as nobody, is a program of this host whose user
// is not known.
func claimantOf(origin Origin, env *mail.Envelope) claimant {
	switch {
	case origin == Authenticated:
		c := claimant{name: env.Login, kind: "login " + env.Login}
		if own, err := mail.ParseAddr(env.Login); err == nil {
			c.own = append(c.own, own)
		}
		return c
	case origin != Trusted && origin != NonSMTP:
		return claimant{}
	case env.User == rootUser:
		return claimant{name: rootUser, anybody: true}
	case env.User != "":
		return claimant{name: env.User, kind: "local user " + env.User, own: localAddresses(env)}
	case origin == Trusted && !env.Local:
		return claimant{anybody: true}
	default:
		return claimant{}
	}
}

// rootUser is the user with the number 0.
const rootUser = "root"

// localAddresses returns the addresses of a local user at the MTA's own name: with the name, and without any, which means
// the same to the MTA. A user without a name has none.
func localAddresses(env *mail.Envelope) []mail.Addr {
	bare, err := mail.ParsePath(env.User)
	if err != nil || bare.Local() != env.User || bare.Domain() != "" {
		return nil
	}
	if full, err := bare.At(env.Host); err == nil {
		return []mail.Addr{full, bare}
	}
	return []mail.Addr{bare}
}

// mayUse reports whether the claimant may send as an address.
func (c claimant) mayUse(senders config.Senders, addr mail.Addr) bool {
	patterns, listed := senders.Logins[c.name]
	switch {
	case c.anybody:
		return true
	case listed && c.name != "":
		return slices.ContainsFunc(patterns, func(p mail.Pattern) bool { return p.Match(addr) })
	default:
		return slices.ContainsFunc(c.own, func(own mail.Addr) bool { return own.Key() == addr.Key() })
	}
}

// refusal is the reply to a claimant who may not do something as an address. It tells the postmaster the line that allows
// it.
func (c claimant) refusal(senders config.Senders, may string, addr mail.Addr) error {
	if c.kind == "" {
		return errNobody
	}
	line := fmt.Sprintf("add %q to the addresses of %q", addr, c.name)
	if _, listed := senders.Logins[c.name]; !listed {
		all := []string{strconv.Quote(addr.String())}
		if len(c.own) > 0 {
			all = append([]string{strconv.Quote(c.own[0].String())}, all...)
		}
		line = fmt.Sprintf("write %q = [%s]", c.name, strings.Join(all, ", "))
	}
	return mail.Reject("5.7.1", fmt.Sprintf("The %s may not %s. Choose a sender address of your own, or ask the postmaster to allow this one (%s in [senders.logins]).",
		c.kind, fmt.Sprintf(may, addr), line), nil)
}

// errNobody is the answer to mail of a local program whose user is not known. It is temporary, because the reason is a
// setting of the MTA or a client that was gone too soon.
var errNobody = mail.Defer("4.7.0", "It cannot be told which user of this host sends this message, so it cannot be signed. Please try again; if that does not help, the mail server must be set up as the manual of sealmilter says.", nil)

// checkSender holds MAIL FROM against the claimant. The null sender belongs to nobody; the author is checked later.
func checkSender(senders config.Senders, origin Origin, env *mail.Envelope) error {
	c := claimantOf(origin, env)
	if !c.anybody && c.kind == "" {
		return errNobody
	}
	if env.Sender.IsNull() || c.mayUse(senders, env.Sender) {
		return nil
	}
	return c.refusal(senders, "send as %s", env.Sender)
}

// author returns the first mailbox of From, whose key signs, after all of them have been held against the claimant. One
// who may send as everybody speaks for the mailbox of MAIL FROM and no other (RFC 9788, section 10.1: who signs for users
// must know that they are the authors), but for what is not signed as the author's: mail that they only send on.
func author(senders config.Senders, origin Origin, m *mail.Message) (mail.Addr, error) {
	mailboxes, err := fromMailboxes(m.Header)
	if err != nil {
		return mail.Addr{}, err
	}
	env := m.Envelope
	c := claimantOf(origin, env)
	for _, addr := range mailboxes {
		switch {
		case !c.mayUse(senders, addr):
			return mail.Addr{}, c.refusal(senders, "write as %s (From field)", addr)
		case !c.anybody || env.Sender.IsNull() || env.Sender.Key() == addr.Key() || isRedistributed(m):
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
