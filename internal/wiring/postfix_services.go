package wiring

import (
	"fmt"
	"slices"
	"strings"

	"sealmilter/internal/mail"
)

// services adds those of the fragment to master.cf that are not there, in a block of their own. A block that is there stays
// as long as its services do what they have to, whatever else the administrator has changed in it.
func (w *postfixWiring) services() error {
	rest, block, at := w.cutBlock(w.files.Master)
	if block != "" && w.servicesSuit() {
		return nil
	}
	taken := masterEntries(rest)
	fragment := w.fragments().Master
	_, text, _ := strings.Cut(fragment, "\n\n") // behind the instructions
	missing := 0
	for _, m := range slices.Backward(masterEntries(text)) {
		service := Service{Name: m.name, Type: m.kind}
		there := m.name == "pickup" || slices.ContainsFunc(taken, func(t masterEntry) bool {
			return t.name == m.name && t.kind == m.kind || (Service{Name: t.name, Type: t.kind}).isAt(m.name)
		})
		switch {
		case m.name == "pickup":
		case there && service.isAt(w.config.Reinject) && !w.copiesSuit():
			return fmt.Errorf("another service listens at %s, and it is not locked for sealmilter's copies; %w; set reinject to a free port in the configuration, or remove that service from master.cf",
				w.config.Reinject, ErrRefused)
		case !there:
			missing++
		}
		if there {
			text = text[:m.start] + text[m.end:]
		}
	}
	if missing == 0 {
		w.files.Master = rest
		return nil
	}
	if block == "" {
		at = len(withEnd(rest))
		rest = withEnd(rest)
	}
	w.files.Master = rest[:at] + beginMark + withEnd(strings.Trim(text, "\n")) + endMark + rest[at:]
	return nil
}

// cutBlock returns master.cf without sealmilter's block, the block with its marks, and where it was. A service in it that
// is none of sealmilter's stays: postconf(1) moves comments, and with them the marks, when it changes the service before
// them. A block without an end is none.
func (w *postfixWiring) cutBlock(file string) (rest, block string, at int) {
	start := strings.Index(file, beginMark)
	if start < 0 {
		return file, "", len(file)
	}
	length := strings.Index(file[start:], endMark)
	if length < 0 {
		return file, "", len(file)
	}
	end := start + length + len(endMark)
	block = file[start:end]
	own := masterEntries(w.fragments().Master)
	var others strings.Builder
	for _, m := range masterEntries(block) {
		if !slices.ContainsFunc(own, m.isLike) {
			others.WriteString(withEnd(block[m.start:m.end]))
		}
	}
	return file[:start] + others.String() + file[end:], block, start + others.Len()
}

// isLike reports whether a service is the same as one of the fragment, perhaps at another address.
func (m masterEntry) isLike(own masterEntry) bool {
	log, named := m.option("syslog_name")
	ownLog, _ := own.option("syslog_name")
	return m.name == own.name && m.kind == own.kind || named && log.value == ownLog.value && m.command == own.command
}

// servicesSuit reports whether the services that are in force are those that sealmilter needs.
func (w *postfixWiring) servicesSuit() bool {
	if !w.copiesSuit() {
		return false
	}
	for _, m := range masterEntries(w.fragments().Master) {
		if m.command != "cleanup" {
			continue
		}
		s := w.service(m.name, m.kind)
		if s == nil || s.Overrides["milter_macro_daemon_name"] != mail.DaemonLocal ||
			!showsUser(s.Overrides["header_checks"]) || !strings.Contains(oneLine(s.Overrides["header_checks"]), w.headerChecks()) || w.here.find(parseFilters(s.Overrides["non_smtpd_milters"])) < 0 {
			return false
		}
	}
	return true
}

// headerChecks returns those of main.cf, in one line.
func (w *postfixWiring) headerChecks() string {
	_, value, _ := parameter(w.files.Main, "header_checks")
	return oneLine(value)
}

// showsUser reports whether header checks show a milter Postfix's own field about mail of sendmail(1), which says who
// sent it.
func showsUser(headerChecks string) bool { return strings.Contains(headerChecks, "from userid") }

func (w *postfixWiring) copiesSuit() bool {
	at := slices.IndexFunc(w.Services, func(s Service) bool { return s.isAt(w.config.Reinject) })
	return at >= 0 && w.isLockedFor(w.Services[at], w.here)
}

// programs has pickup(8) hand its mail to the cleanup service of the fragment, which asks the filters that main.cf names
// for such mail, too.
func (w *postfixWiring) programs() error {
	fragment := masterEntries(w.fragments().Master)
	at := slices.IndexFunc(fragment, func(m masterEntry) bool { return m.name == "pickup" })
	wanted, _ := fragment[at].option("cleanup_service_name")
	for _, m := range masterEntries(w.files.Master) {
		if m.name != "pickup" {
			continue
		}
		switch o, set := m.option("cleanup_service_name"); {
		case set && o.value != wanted.value:
			return fmt.Errorf("pickup hands its mail to the service %s; %w; take cleanup_service_name out of pickup in master.cf, or wire that service as deploy/postfix/master.cf does %s",
				o.value, ErrRefused, wanted.value)
		case !set:
			w.files.Master = m.setOption(w.files.Master, "cleanup_service_name", wanted.value)
		}
		break
	}
	cleanup, found := findMaster(w.files.Master, wanted.value, "unix")
	if !found {
		return nil
	}
	now, _ := cleanup.option("non_smtpd_milters")
	_, others, _ := parameter(w.files.Main, "non_smtpd_milters")
	asked := w.expand(now.value)
	for _, f := range w.expand(others) {
		if !slices.ContainsFunc(asked, func(a filter) bool { return a.endpoint == f.endpoint }) {
			w.files.Master = cleanup.setOption(w.files.Master, "non_smtpd_milters", oneLine(w.merge(others, oneLine(w.entry()))))
			break
		}
	}
	return nil
}

// copies has the filters that come behind sealmilter in front see its copies as well.
func (w *postfixWiring) copies() {
	at := slices.IndexFunc(masterEntries(w.files.Master), func(m masterEntry) bool { return (Service{Name: m.name, Type: m.kind}).isAt(w.config.Reinject) })
	if at < 0 {
		return
	}
	m := masterEntries(w.files.Master)[at]
	now, _ := m.option("smtpd_milters")
	asked := w.expand(now.value)
	wanted := []string{}
	for _, f := range asked {
		wanted = append(wanted, f.text)
	}
	for _, f := range w.behind() {
		if !slices.ContainsFunc(asked, func(a filter) bool { return a.endpoint == f.endpoint }) {
			wanted = append(wanted, f.text)
		}
	}
	if len(wanted) > len(asked) {
		w.files.Master = m.setOption(w.files.Master, "smtpd_milters", oneLine(strings.Join(wanted, ", ")))
	}
}

// behind returns the filters that come behind sealmilter in front: those of main.cf, or else of the first service that has
// some of its own. One signer may be known to several services under several names, and a copy needs it once.
func (w *postfixWiring) behind() []filter {
	lists := [][]filter{w.filters}
	for _, m := range masterEntries(w.files.Master) {
		if o, own := m.option("smtpd_milters"); own && m.command == "smtpd" {
			lists = append(lists, w.expand(o.value))
		}
	}
	for _, list := range lists {
		if at := w.here.find(list); at >= 0 && at+1 < len(list) {
			return list[at+1:]
		}
	}
	return nil
}
