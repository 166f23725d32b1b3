package gate

import (
	"regexp"

	"sealmilter/internal/mail"
)

// submitterField is the field that sendmail(1) puts above a message. It begins in another way if the caller has named a
// host where the message comes from, which can be any text.
var submitterField = regexp.MustCompile(`^ \(from ([^\s@()<>"]+)@localhost\)\r\n\tby [^\s()]+ \([^\r\n()]+\) id [0-9A-Za-z]+(?:;|\r\n)`)

// identifySubmitter finds the user who called sendmail(1) of sendmail where its process is another user's: for root, whose
// privileges it gives up, and for its queue, in which messages of all users wait. Its own Received field tells, which is
// the first of those that a milter is shown. Users cannot put another one above: they have no access to the queue but by
// the command, which gives up that access when it is told to use another configuration or other macros. What has no such
// field, its own bounces for instance, stays the client's.
func (g *Gate) identifySubmitter(m *mail.Message) {
	env := m.Envelope
	switch {
	case env.Daemon != mail.DaemonLocal || env.User == "" || env.User != g.Config.Senders.Submitter:
		return
	case len(m.Header) == 0 || !m.Header[0].Is("Received"):
		return
	}
	if found := submitterField.FindStringSubmatch(m.Header[0].Value); found != nil {
		env.User = found[1]
	}
}
