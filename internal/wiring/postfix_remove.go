package wiring

import (
	"slices"
	"strings"

	"sealmilter/internal/config"
)

// Unwire takes sealmilter out of files that the administrator has changed since they were wired: its entry leaves the lists
// of filters, its block leaves master.cf, and the other parameters that were set become what they were before.
func (p *Postfix) Unwire(now, before PostfixFiles, c *config.Config) PostfixFiles {
	w := &postfixWiring{Postfix: p, config: c, here: p.Endpoint(c.Listen), files: now}
	if at, found := w.former(now.Master); found {
		w.here = at
	}
	for _, e := range entries(w.fragments().Main) {
		name, value, _ := nameAndValue(e.text)
		_, current, set := parameter(now.Main, name)
		_, old, was := parameter(before.Main, name)
		if name == "smtpd_milters" {
			value, old = current, w.without(current, old)
			was = was || old != ""
		}
		switch {
		case !set || current != value:
		case was:
			now.Main = setParameter(now.Main, name, old)
		default:
			now.Main = removeParameter(now.Main, name)
		}
	}
	now.Master, _, _ = w.cutBlock(now.Master)
	for _, m := range masterEntries(now.Master) {
		now.Master = w.restore(now.Master, before.Master, m.name, m.kind)
	}
	return now
}

// without returns a list of filters without sealmilter. Where that was there before, it goes back to its place.
func (w *postfixWiring) without(list, before string) string {
	all, was := parseFilters(list), parseFilters(before)
	at := w.here.find(all)
	switch {
	case at < 0:
		return list
	case w.here.find(was) >= 0 && slices.Equal(endpoints(all), endpoints(was)):
		return before
	case w.here.find(was) >= 0:
		return list
	}
	all = slices.Delete(all, at, at+1)
	return listed(all, ", ")
}

// endpoints returns the addresses of filters, sorted.
func endpoints(all []filter) []string {
	var list []string
	for _, f := range all {
		list = append(list, f.endpoint)
	}
	slices.Sort(list)
	return list
}

// restore takes sealmilter out of one service of master.cf.
func (w *postfixWiring) restore(file, before, name, kind string) string {
	m, found := findMaster(file, name, kind)
	old, was := findMaster(before, name, kind)
	if !found || !was {
		return file
	}
	if o, set := m.option("smtpd_milters"); set {
		oldOption, _ := old.option("smtpd_milters")
		if rest := w.without(o.value, oldOption.value); rest != o.value {
			return m.setOption(file, "smtpd_milters", rest)
		}
	}
	o, set := m.option("cleanup_service_name")
	_, own := old.option("cleanup_service_name")
	if name != "pickup" || !set || own {
		return file
	}
	// It stands on a line of its own, as it was written.
	line := "  -o cleanup_service_name=" + o.value + "\n"
	lines := strings.Replace(file[m.start:m.end], line, "", 1)
	return file[:m.start] + lines + file[m.end:]
}
