package wiring

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
)

const setupSendmail = "sealmilter setup sendmail"

// Check says what is right and wrong with a sendmail.cf for a sealmilter with the configuration c. Submit is the submit.cf
// beside it, nil if there is none.
func (s *Sendmail) Check(submit *Sendmail, c *config.Config) []Finding {
	k := sendmailCheck{Sendmail: s, config: c}
	for name, f := range s.Filters {
		if isSocket(f.Socket, c.Listen.Address) && c.Listen.Network == "tcp" {
			k.own = name
		}
	}
	user, _, _ := strings.Cut(cmp.Or(k.Options["runasuser"], "root"), ":")
	k.mtaUser("sendmail", user, c)
	k.filter()
	k.daemons()
	k.copies()
	k.programs(submit)
	k.macros()
	k.load()
	k.behind()
	return k.findings
}

type sendmailCheck struct {
	*Sendmail
	config *config.Config
	own    string // the name of sealmilter's filter, "" if there is none
	findings
}

// filter looks at how sendmail asks sealmilter.
func (k *sendmailCheck) filter() {
	const topic = "sendmail filter"
	if k.own == "" {
		k.error(topic, fmt.Sprintf("no filter of sendmail.cf has the socket %s, so no mail is sealed", sendmailSocket(k.config.Listen.Address)), setupSendmail)
		return
	}
	f := k.Filters[k.own]
	if !strings.ContainsAny(f.Flags, "TR4") {
		k.error(topic, "it lacks F=T: when sealmilter does not answer, mail leaves in clear text", "add F=T to its INPUT_MAIL_FILTER line in sendmail.mc; "+setupSendmail)
	}
	// An answer at RCPT TO may take as long as a lookup, and a moment for the answer itself.
	if limit := f.Timeouts["r"]; limit < k.config.Keys.Timeout+5*time.Second {
		k.warning(topic, fmt.Sprintf("it waits %v for an answer; with lookups that may take %v, mail is deferred that need not be", limit, k.config.Keys.Timeout), "set R:60s in its T=")
	}
	// Sealmilter's own answer has to come before sendmail gives up, or a message that has left is sent again.
	if limit := f.Timeouts["e"]; limit < k.config.Limits.Duration+30*time.Second {
		k.warning(topic, fmt.Sprintf("it waits %v at the end of a message, and sealmilter may work on one for %v ([limits] duration)", limit, k.config.Limits.Duration),
			"set E:10m in its T=, or a shorter duration in [limits]")
	}
}

// daemons looks at every listener that clients use.
func (k *sendmailCheck) daemons() {
	if k.own == "" {
		return
	}
	var wired []string
	for _, d := range k.Daemons {
		if d.isAt(k.config.Reinject) {
			continue
		}
		topic := "sendmail listener " + d.Name
		filters := k.filtersOf(d)
		at := slices.Index(filters, k.own)
		if at < 0 {
			k.error(topic, "mail that comes in here is not sealed: its filters are "+fmt.Sprintf("%q", strings.Join(filters, ", ")), "take InputMailFilters out of its DAEMON_OPTIONS, or add "+k.own+" there")
			continue
		}
		for _, name := range filters[:at] {
			if k.isSigner(name) {
				k.error(topic, "the signature of "+name+" is made before sealmilter changes the message, and does not verify", "put INPUT_MAIL_FILTER(`"+k.own+"') before that of "+name)
			}
		}
		wired = append(wired, d.Name)
	}
	if len(wired) > 0 {
		k.ok("sendmail", "mail that comes in at "+strings.Join(wired, ", ")+" is shown to sealmilter")
	}
}

// isSigner reports whether a filter signs what leaves.
func (k *sendmailCheck) isSigner(name string) bool {
	return signs(name) || signs(k.Filters[name].Socket)
}

// copies looks at the loopback listener.
func (k *sendmailCheck) copies() {
	topic := "sendmail listener " + k.config.Reinject
	at := slices.IndexFunc(k.Daemons, func(d Daemon) bool { return d.isAt(k.config.Reinject) })
	if at < 0 {
		k.error(topic, "it is not in sendmail.cf, so messages to several recipients cannot be sent", setupSendmail)
		return
	}
	d := k.Daemons[at]
	filters := k.filtersOf(d)
	if d.Name != mail.DaemonCopies || !slices.Contains(filters, k.own) {
		k.error(topic, "sealmilter is not asked who may come in, by a listener of the name "+mail.DaemonCopies+": any program on this host can send clear text through it",
			setupSendmail+"; or give it the options of deploy/sendmail/sealmilter.mc")
		return
	}
	k.ok(topic, "it takes sealmilter's copies and nobody else's")
	front := k.usualFilters()
	for _, name := range front[slices.Index(front, k.own)+1:] {
		if k.isSigner(name) && !slices.Contains(filters, name) {
			k.warning(topic, "copies that go through it are not signed by "+name, "add it to InputMailFilters of "+mail.DaemonCopies+", behind sealmilter: InputMailFilters="+k.own+";"+name)
		}
	}
}

// programs looks at the way of mail from sendmail(1) and cron.
func (k *sendmailCheck) programs(submit *Sendmail) {
	const topic = "sendmail local programs"
	if submit == nil {
		k.warning(topic, "there is no submit.cf, so programs on this host may queue mail that no filter sees", "install one: cf/README of sendmail, \"Message submission program\"")
		return
	}
	host := strings.Trim(submit.Macros["MTAHost"], "[]")
	if !strings.HasPrefix(host, "127.") && !strings.EqualFold(host, "localhost") && host != "IPv6:0:0:0:0:0:0:0:1" {
		k.error(topic, "submit.cf hands their mail to "+host+", past sealmilter", "FEATURE(`msp', `[127.0.0.1]') in submit.mc")
		return
	}
	port := "25"
	if words := strings.Fields(submit.Mailers["relay"]["a"]); len(words) > 2 {
		port = words[2]
	}
	at := slices.IndexFunc(k.Daemons, func(d Daemon) bool { return d.port() == port })
	switch {
	case at < 0:
		k.error(topic, "submit.cf hands their mail to port "+port+", where sendmail.cf has no listener", setupSendmail)
	case !slices.Contains(k.filtersOf(k.Daemons[at]), k.own):
		k.error(topic, "what cron and sendmail(1) send is not sealed", setupSendmail)
	case k.Daemons[at].Name != mail.DaemonLocal:
		k.warning(topic, "sealmilter cannot tell their mail from that of clients: when a recipient is refused, sendmail returns the message with its text", setupSendmail)
	default:
		k.ok(topic, "what cron and sendmail(1) send is shown to sealmilter")
	}
	if !slices.Contains(words(strings.ToLower(submit.Options[privacyOptions]), listSeparators), "nobodyreturn") {
		k.warning(topic, "submit.cf lets sendmail return messages to their senders with the text in them, in clear text",
			"O PrivacyOptions=nobodyreturn in submit.mc, as deploy/sendmail/submit.mc has it; "+setupSendmail)
	}
}

// macros looks at what sendmail is told to tell filters. Without such an option it tells enough.
func (k *sendmailCheck) macros() {
	for option, needed := range map[string][]string{"milter.macros.connect": {"{daemon_name}"}, "milter.macros.envfrom": {"i", "{auth_authen}"}} {
		value, set := k.Options[option]
		told := strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
		for _, name := range needed {
			if set && !slices.Contains(told, name) {
				k.error("sendmail macros", option+" lacks "+name+", so sealmilter cannot tell who sends", "take the define of "+option+" out of sendmail.mc, or add "+name)
			}
		}
	}
}
