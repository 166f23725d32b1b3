package wiring

import (
	"path"
	"slices"
	"strings"

	"sealmilter/internal/config"
)

// former returns where a master.cf says that sealmilter listens: the address that its listener for copies asks about
// clients. It differs from the configuration's after that was changed.
func (w *postfixWiring) former(master string) (Endpoint, bool) {
	ours := slices.IndexFunc(masterEntries(w.fragments().Master), func(m masterEntry) bool { return m.name == w.config.Reinject })
	if ours < 0 {
		return Endpoint{}, false
	}
	log, _ := masterEntries(w.fragments().Master)[ours].option("syslog_name")
	for _, m := range masterEntries(master) {
		if o, named := m.option("syslog_name"); !named || o.value != log.value {
			continue
		}
		o, _ := m.option("smtpd_client_restrictions")
		list := words(o.value, listSeparators)
		if len(list) < 2 || list[0] != "check_policy_service" {
			continue
		}
		kind, address, _ := strings.Cut(firstWord(list[1]), ":")
		switch {
		case kind == "inet":
			return Endpoint{listen: config.Listen{Network: "tcp", Address: address}, queue: w.here.queue}, true
		case kind == "unix" && path.IsAbs(address):
			return Endpoint{listen: config.Listen{Network: "unix", Address: address}, queue: w.here.queue}, true
		case kind == "unix":
			return Endpoint{listen: config.Listen{Network: "unix", Address: path.Join(w.here.queue, address)}, queue: w.here.queue}, true
		}
	}
	return Endpoint{}, false
}

// moved returns a list of filters in which sealmilter is at the address of the configuration, and no longer where it was
// when the list was made: a filter that nobody answers for defers all mail.
func (w *postfixWiring) moved(list string) string {
	all := parseFilters(list)
	for i, f := range all {
		switch {
		case !w.hasMoved || !w.was.is(f.endpoint):
		case w.here.find(all) < 0:
			return strings.Replace(list, f.text, strings.Replace(f.text, f.endpoint, w.here.String(), 1), 1)
		default:
			return listed(slices.Delete(all, i, i+1), ",\n    ")
		}
	}
	return list
}
