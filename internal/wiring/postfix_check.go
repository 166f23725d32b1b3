package wiring

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sealmilter/internal/config"
	"sealmilter/internal/mail"
	"sealmilter/internal/shell"
)

// setupPostfix is what the administrator types to have it all mended.
const setupPostfix = "sealmilter setup postfix"

// Check says what is right and wrong with the settings of Postfix for a sealmilter with the configuration c.
func (p *Postfix) Check(c *config.Config) []Finding {
	k := postfixCheck{Postfix: p, config: c, here: p.Endpoint(c.Listen)}
	k.mtaUser(postfixTopic, p.Main["mail_owner"], c)
	k.listeners()
	k.networks()
	k.programs()
	k.copies()
	k.injectors()
	k.accepting()
	k.protocol()
	k.addresses()
	k.name()
	k.processes()
	k.size()
	k.offers()
	k.behind()
	return k.findings
}

type postfixCheck struct {
	*Postfix
	config *config.Config
	here   Endpoint
	findings
}

const postfixTopic = "Postfix"

// listeners looks at every smtpd(8) that clients use.
func (k *postfixCheck) listeners() {
	var wired []string
	for _, s := range k.Services {
		if s.Command != "smtpd" || s.isAt(k.config.Reinject) {
			continue
		}
		topic := "Postfix listener " + s.Name
		filters := parseFilters(k.value(s, "smtpd_milters"))
		at := k.here.find(filters)
		switch {
		case slices.Contains(words(k.value(s, "receive_override_options"), listSeparators), "no_milters"):
			k.error(topic, "receive_override_options has no_milters, so mail that comes in here is not sealed", k.withMilters(s))
			continue
		case at < 0 && k.proxied() && s.isLoopback():
			k.error(topic, "it has no milter, and an smtpd_proxy_filter hands its mail back here: Postfix shows milters no text before such a filter, so nothing is sealed",
				"postconf -P "+shell.Quote(s.Name+"/inet/smtpd_milters="+k.here.String())+" && postfix reload")
			continue
		case at < 0 && len(s.Overrides["smtpd_milters"]) == 0 && hasKey(s.Overrides, "smtpd_milters") && s.isLoopback():
			k.warning(topic, "it has no milter: whoever can reach it on this host sends clear text past sealmilter",
				"if a content filter hands its mail back here, that is right; else take smtpd_milters out of it in master.cf")
			continue
		case at < 0 && len(parseFilters(s.Overrides["smtpd_milters"])) == 0 && hasKey(s.Overrides, "smtpd_milters"):
			// Setup leaves an empty list alone, because that is how content filters hand their mail back.
			k.error(topic, "mail that comes in here is not sealed: it has an empty list of milters of its own in master.cf",
				"postconf -PX "+shell.Quote(s.Name+"/"+s.Type+"/smtpd_milters")+" && postfix reload; then "+setupPostfix)
			continue
		case at < 0:
			k.error(topic, fmt.Sprintf("mail that comes in here is not sealed: smtpd_milters is %q and lacks %s", k.value(s, "smtpd_milters"), k.here), setupPostfix)
			continue
		}
		if maps := k.value(s, "smtpd_milter_maps"); maps != "" {
			k.warning(topic, "smtpd_milter_maps = "+maps+" can take clients past sealmilter", "see to it that it names no client whose mail is to be sealed")
		}
		for _, name := range []string{"smtpd_authorized_xclient_hosts", "smtpd_upstream_proxy_protocol"} {
			if value := k.value(s, name); value != "" {
				k.warning(topic, name+" = "+value+": who may use it names the client, and with XCLIENT the login, whose mail this is; a local user, too, if this host may",
					"see to it that only a proxy can, which speaks for nobody who has not proven it")
			}
		}
		if !k.proxy(topic, s) {
			continue
		}
		k.filter(topic, s, filters[at])
		k.order(topic, filters, at)
		k.reachable(topic, s)
		wired = append(wired, s.Name)
	}
	if len(wired) > 0 {
		k.ok(postfixTopic, "mail that comes in at "+strings.Join(wired, ", ")+" is shown to sealmilter")
	}
}

// withMilters is what to type so that a service asks milters in spite of its receive_override_options.
func (k *postfixCheck) withMilters(s Service) string {
	const name = "receive_override_options"
	rest := slices.DeleteFunc(words(k.value(s, name), listSeparators), func(option string) bool { return option == "no_milters" })
	setting := name + "=" + strings.Join(rest, ",")
	if hasKey(s.Overrides, name) {
		return "postconf -P " + shell.Quote(s.Name+"/"+s.Type+"/"+setting) + " && postfix reload"
	}
	return "postconf -e " + shell.Quote(setting) + " && postfix reload"
}

func hasKey(m map[string]string, key string) bool {
	_, found := m[key]
	return found
}

// isLoopback reports whether only this host can reach a TCP service.
func (s Service) isLoopback() bool {
	host, _ := cutLast(s.Name, ":")
	return strings.HasPrefix(host, "127.") || host == "localhost" || host == "[::1]"
}

// filter looks at how a service asks sealmilter.
func (k *postfixCheck) filter(topic string, s Service, f filter) {
	limit := func(name string) time.Duration {
		if v, set := f.options[name]; set {
			return duration(v)
		}
		return duration(k.value(s, "milter_"+name))
	}
	// An answer at RCPT TO may take as long as a lookup, and a moment for the answer itself.
	if needed := k.config.Keys.Timeout + 5*time.Second; limit("command_timeout") < needed {
		k.warning(topic, fmt.Sprintf("command_timeout is %v; with lookups that may take %v, mail is deferred that need not be",
			limit("command_timeout"), k.config.Keys.Timeout), "set command_timeout=60s in sealmilter's entry, or milter_command_timeout = 60s")
	}
	const content = 30 * time.Second
	if limit("content_timeout") < content {
		k.warning(topic, fmt.Sprintf("content_timeout is %v; sealing a large message may take longer", limit("content_timeout")),
			"set content_timeout=300s in sealmilter's entry, or milter_content_timeout = 300s")
	}
}

// order looks for filters on the wrong side of sealmilter.
func (k *postfixCheck) order(topic string, filters []filter, at int) {
	for i, f := range filters {
		if f.isSigner() && i < at {
			k.error(topic, "the signature of "+f.endpoint+" is made before sealmilter changes the message, and does not verify", setupPostfix+" puts sealmilter before it")
		}
	}
}

// reachable looks at whether a service in a chroot can open sealmilter's socket.
func (k *postfixCheck) reachable(topic string, s Service) {
	if k.config.Listen.Network != "unix" || !s.Chroot {
		return
	}
	if _, inside := k.here.inQueue(); !inside {
		k.error(topic, "it runs in a chroot and cannot see the socket "+k.config.Listen.Address+": all mail is deferred",
			fmt.Sprintf("set listen = \"unix:%s/sealmilter/milter.sock\", or the default inet:127.0.0.1:8894", k.Main["queue_directory"]))
	}
}

// programs looks at the way of mail from sendmail(1) and cron.
func (k *postfixCheck) programs() {
	const topic = "Postfix local programs"
	pickup := k.service("pickup", "unix")
	if pickup == nil {
		if pickup = k.service("pickup", "fifo"); pickup == nil {
			k.ok(topic, "there is no pickup service, so programs on this host send no mail by sendmail(1)")
			return
		}
	}
	name := pickup.Overrides["cleanup_service_name"]
	if name == "" {
		name = k.Main["cleanup_service_name"]
	}
	cleanup := k.service(name, "unix")
	if cleanup == nil {
		k.error(topic, "pickup hands its mail to "+name+", which is not in master.cf", setupPostfix)
		return
	}
	filters := parseFilters(k.value(*cleanup, "non_smtpd_milters"))
	at := k.here.find(filters)
	if slices.Contains(words(k.value(*pickup, "receive_override_options"), listSeparators), "no_milters") {
		k.error(topic, "receive_override_options has no_milters, so what cron and sendmail(1) send is not sealed", k.withMilters(*pickup))
		return
	}
	if at < 0 {
		k.error(topic, "what cron and sendmail(1) send is not sealed", setupPostfix)
		return
	}
	k.filter(topic, *cleanup, filters[at])
	k.order(topic, filters, at)
	k.reachable(topic, *cleanup)
	if name := k.value(*cleanup, "milter_macro_daemon_name"); name != mail.DaemonLocal && !(k.splits() && name == mail.DaemonFrontLocal) {
		k.warning(topic, "sealmilter cannot tell their mail from that of clients: a refused recipient keeps a message in maildrop for ever",
			"milter_macro_daemon_name="+mail.DaemonLocal+" for a cleanup service of pickup's own: "+setupPostfix)
		return
	}
	switch rules, theirs := oneLine(k.value(*cleanup, "header_checks")), oneLine(k.Main["header_checks"]); {
	case !showsUser(rules):
		k.error(topic, "sealmilter is not told which user sends with sendmail(1), so what cron and sendmail(1) send is kept back",
			"give the service "+name+" the header_checks of deploy/postfix/master.cf")
	case theirs != "" && !strings.Contains(rules, theirs):
		k.warning(topic, "the header_checks of main.cf do not hold for what cron and sendmail(1) send", setupPostfix)
	default:
		k.ok(topic, "what cron and sendmail(1) send is shown to sealmilter")
	}
}

// splits reports whether Postfix splits messages by recipient before sealmilter seals them: by a content filter that leads
// back to an inner listener.
func (k *postfixCheck) splits() bool {
	inner := func(s Service) bool {
		return s.Command == "smtpd" && k.value(s, "milter_macro_daemon_name") == mail.DaemonInner && strings.HasSuffix(strings.NewReplacer("[", "", "]", "").Replace(k.Main["content_filter"]), ":"+s.Name)
	}
	return k.Main["milter_macro_daemon_name"] == mail.DaemonFront && slices.ContainsFunc(k.Services, inner)
}

// copies looks at the loopback listener.
func (k *postfixCheck) copies() {
	topic := "Postfix listener " + k.config.Reinject
	at := slices.IndexFunc(k.Services, func(s Service) bool { return s.isAt(k.config.Reinject) })
	if at < 0 {
		k.error(topic, "it is not in master.cf, so messages to several recipients cannot be sent", setupPostfix)
		return
	}
	s := k.Services[at]
	if k.here.find(parseFilters(k.value(s, "smtpd_milters"))) >= 0 {
		k.error(topic, "sealmilter's copies would come back to sealmilter", "set smtpd_milters= for it in master.cf")
	}
	if !k.isLocked(s) {
		k.error(topic, "it does not ask sealmilter who may come in: any program on this host can send clear text through it",
			"postconf -MX "+shell.Quote(s.Name+"/inet")+" && "+setupPostfix+"; or give it the options of deploy/postfix/master.cf")
		return
	}
	k.ok(topic, "it takes sealmilter's copies and nobody else's")
	for _, signer := range k.missingSigners(s) {
		k.warning(topic, "copies that go through it are not signed by "+signer, "add that to smtpd_milters of the listener in master.cf")
	}
}

// isLocked reports whether a listener asks sealmilter about clients, and takes no other answer than its own.
func (p *Postfix) isLockedFor(s Service, here Endpoint) bool {
	for _, name := range []string{"smtpd_client_restrictions", "smtpd_data_restrictions"} {
		list := words(p.value(s, name), listSeparators)
		if len(list) < 3 || list[0] != "check_policy_service" || !here.is(firstWord(list[1])) || list[2] != "reject" {
			return false
		}
	}
	action := strings.Fields(p.value(s, "smtpd_policy_service_default_action"))
	return len(action) > 0 && (action[0][0] == '4' || action[0][0] == '5' || strings.EqualFold(action[0], "reject") || strings.EqualFold(action[0], "defer"))
}

func (k *postfixCheck) isLocked(s Service) bool { return k.isLockedFor(s, k.here) }

// firstWord returns the server of a policy service, which may stand in braces with options.
func firstWord(word string) string {
	if inner := words(unbraced(word), listSeparators); len(inner) > 0 {
		return inner[0]
	}
	return ""
}

// missingSigners returns the signers that come behind sealmilter in front, where the copies pass none at all.
func (k *postfixCheck) missingSigners(copies Service) []string {
	if slices.ContainsFunc(parseFilters(k.value(copies, "smtpd_milters")), filter.isSigner) {
		return nil
	}
	var missing []string
	for _, s := range k.Services {
		filters := parseFilters(k.value(s, "smtpd_milters"))
		at := k.here.find(filters)
		if s.Command != "smtpd" || s.isAt(k.config.Reinject) || at < 0 {
			continue
		}
		for _, f := range filters[at+1:] {
			if f.isSigner() && !slices.Contains(missing, f.endpoint) {
				missing = append(missing, f.endpoint)
			}
		}
	}
	return missing
}

// protocol looks at the version of the milter protocol.
func (k *postfixCheck) protocol() {
	if version := k.Main["milter_protocol"]; compatibility(version) < 6 {
		k.error(postfixTopic, "milter_protocol is "+version+"; sealmilter speaks version 6", "postconf -e milter_protocol=6 && postfix reload")
	}
}

// number reads digits; anything else is 0, and so is a number that no size has.
func number(s string) int64 {
	var n int64
	for _, c := range s {
		if c < '0' || c > '9' || n > 1<<55 {
			return 0
		}
		n = n*10 + int64(c-'0')
	}
	return n
}

// duration reads a time of main.cf: digits and a unit (s, m, h, d, w), seconds where there is none.
func duration(s string) time.Duration {
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	unit := time.Second
	if s != "" {
		if u, known := units[s[len(s)-1]]; known {
			unit, s = u, s[:len(s)-1]
		}
	}
	return time.Duration(min(number(s), 1<<30)) * unit
}
