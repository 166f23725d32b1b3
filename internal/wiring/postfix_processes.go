package wiring

import (
	"fmt"
	"slices"
	"strconv"

	"sealmilter/internal/shell"
)

// processes compares how many sessions Postfix may have at a time with the connections that sealmilter takes.
func (k *postfixCheck) processes() {
	sum := 0
	for _, s := range k.Services {
		if s.Command != "smtpd" && s.Command != "cleanup" || s.isAt(k.config.Reinject) {
			continue
		}
		name := "smtpd_milters"
		if s.Command == "cleanup" {
			name = "non_smtpd_milters"
		}
		if k.here.find(parseFilters(k.value(s, name))) < 0 {
			continue
		}
		most, err := strconv.Atoi(s.MaxProcesses)
		if err != nil { // "-"
			most = int(number(k.Main["default_process_limit"]))
		}
		if s.Command == "smtpd" || most > 0 { // 0 is no limit, and of cleanup there is one for each pickup
			sum += most
		}
	}
	if limit := k.config.Limits.Connections; sum > limit {
		k.warning("Postfix processes", fmt.Sprintf("Postfix may have %d sessions at a time that ask sealmilter, which takes %d connections: the others are told to try again", sum, limit),
			fmt.Sprintf("set connections = %d in [limits], or less for default_process_limit or maxproc in master.cf", sum))
	}
}

// injectors looks at services that hand in mail beside smtpd and pickup: what comes in there asks non_smtpd_milters of
// their cleanup service.
func (k *postfixCheck) injectors() {
	for _, s := range k.Services {
		if s.Command != "qmqpd" && (s.Command != "pickup" || s.Name == "pickup") {
			continue
		}
		topic := "Postfix service " + s.Name
		cleanup := k.service(k.value(s, "cleanup_service_name"), "unix")
		if cleanup == nil || k.here.find(parseFilters(k.value(*cleanup, "non_smtpd_milters"))) < 0 ||
			slices.Contains(words(k.value(s, "receive_override_options"), listSeparators), "no_milters") {
			k.error(topic, "what comes in by "+s.Command+" there is not sealed",
				"postconf -P "+shell.Quote(s.Name+"/"+s.Type+"/cleanup_service_name=sealcleanup")+" && postfix reload; or take it out of master.cf")
		}
	}
}

// offers looks at what the listener for copies keeps from sealmilter, though the one of clients offers it.
func (k *postfixCheck) offers() {
	at := slices.IndexFunc(k.Services, func(s Service) bool { return s.isAt(k.config.Reinject) })
	if at < 0 {
		return
	}
	const name = "smtpd_discard_ehlo_keywords"
	for keyword, effect := range map[string]string{
		"dsn":      "copies lose what a sender wants to be told of their delivery",
		"smtputf8": "copies to addresses beyond ASCII cannot be sent",
		"8bitmime": "copies that pass as they are may be changed on their way, and with that their signatures",
	} {
		discards := func(s Service) bool { return slices.Contains(words(k.value(s, name), listSeparators), keyword) }
		clients := func(s Service) bool { return s.Command == "smtpd" && !s.isAt(k.config.Reinject) && !discards(s) }
		if discards(k.Services[at]) && slices.ContainsFunc(k.Services, clients) {
			k.warning("Postfix listener "+k.config.Reinject, name+" keeps "+keyword+" from it: "+effect,
				"postconf -P "+shell.Quote(k.Services[at].Name+"/inet/"+name+"=")+" && postfix reload")
		}
	}
	if k.Main["smtputf8_enable"] == "no" {
		k.ok("Postfix smtputf8_enable", "mail to addresses beyond ASCII is refused by Postfix; sealmilter would take it")
	}
}
