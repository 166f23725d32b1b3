package gate

import (
	"slices"

	netmail "net/mail"

	"sealmilter/internal/mail"
)

// isRedistributed reports whether somebody else than the author sends a message: a list server, which names the list in
// List-Id (RFC 2919), or who has received it and sends it on (RFC 5322, section 3.6.6). They may have changed it: lists
// add footers and put their own marks into the Subject.
func isRedistributed(m *mail.Message) bool {
	if !slices.ContainsFunc([]string{"List-Id", "Resent-From", "Resent-Sender"}, m.Header.Has) {
		return false
	}
	authors, err := fromMailboxes(m.Header)
	return err == nil && !slices.ContainsFunc(authors, func(a mail.Addr) bool { return a.Key() == m.Envelope.Sender.Key() })
}

// redistributors returns the addresses in whose name a redistributed message is sent on, as far as the claimant may use
// them: of the envelope sender that is known already, and the header can name anybody.
func redistributors(m *mail.Message, mayUse func(mail.Addr) bool) []mail.Addr {
	all := []mail.Addr{m.Envelope.Sender}
	for _, name := range []string{"Resent-Sender", "Resent-From"} {
		for _, f := range m.Header.All(name) {
			if list, err := parseList(f); err == nil {
				all = appendUsable(all, list, mayUse)
			}
		}
	}
	for _, f := range m.Header.All("List-Post") {
		if addr, ok := mailtoAddress(f.Text()); ok && mayUse(addr) {
			all = append(all, addr)
		}
	}
	return all
}

func appendUsable(all []mail.Addr, list []*netmail.Address, mayUse func(mail.Addr) bool) []mail.Addr {
	for _, entry := range list {
		if addr, err := parseSpec(entry.Address); err == nil && mayUse(addr) {
			all = append(all, addr)
		}
	}
	return all
}
