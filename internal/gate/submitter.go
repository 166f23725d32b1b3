package gate

import (
	"regexp"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
)

// isSubmitter reports whether the client is sendmail's command sendmail(1) at work for somebody else: for root, whose
// privileges it gives up, or for the queue in which messages of all users wait (sendmail's sendmail/SECURITY).
func isSubmitter(senders config.Senders, env *mail.Envelope) bool {
	return env.Daemon == mail.DaemonLocal && env.User != "" && env.User == senders.Submitter
}

// submitterField is the field that sendmail(1) puts above a message. It begins in another way if the caller has named a
// host where the message comes from, which can be any text.
var submitterField = regexp.MustCompile(`^ \(from ([^\s@()<>"]+)@localhost\)\r\n\tby [^\s()]+ \([^\r\n()]+\) id [0-9A-Za-z]+(?:;|\r\n)`)

// identifySubmitter finds the user who called sendmail(1) where the client is only the one that hands the message in. Its
// own Received field says so, which is the first of those that the milter is shown. Users cannot put another one above:
// they have no access to the queue but by the command, which gives up that access when it is asked to use another
// configuration or other macros. What has no such field, its own bounces for instance, stays the client's.
func (g *Gate) identifySubmitter(m *mail.Message) {
	if !isSubmitter(g.Config.Senders, m.Envelope) || len(m.Header) == 0 || !m.Header[0].Is("Received") {
		return
	}
	if found := submitterField.FindStringSubmatch(m.Header[0].Value); found != nil {
		m.Envelope.User = found[1]
	}
}

// daemonAddress returns the address from which sendmail(1) returns messages to their senders.
func daemonAddress(env *mail.Envelope) []mail.Addr {
	if a, err := mail.ParseAddr("MAILER-DAEMON@" + env.Host); err == nil {
		return []mail.Addr{a}
	}
	return nil
}
