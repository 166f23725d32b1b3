package wiring

import (
	"slices"
	"strings"
)

// masterEntry is a service in the text of master.cf.
type masterEntry struct {
	entry
	name, kind, command string
	options             []masterOption
}

// masterOption is a "-o" of a service. From and to are where its argument lies in the entry's text.
type masterOption struct {
	name, value string
	from, to    int
}

// masterEntries reads master.cf (master(5)). Entries with fewer than eight columns are left out.
func masterEntries(file string) []masterEntry {
	var all []masterEntry
	for _, e := range entries(file) {
		columns := spans(e.text, lineSeparators)
		if len(columns) < 8 {
			continue
		}
		word := func(i int) string { return e.text[columns[i][0]:columns[i][1]] }
		m := masterEntry{entry: e, name: word(0), kind: word(1), command: word(7)}
		for i := 8; i < len(columns); i++ {
			from, to := columns[i][0], columns[i][1]
			switch argument := word(i); {
			case argument == "-o" && i+1 < len(columns):
				i++
				from, to = columns[i][0], columns[i][1]
			case strings.HasPrefix(argument, "-o") && len(argument) > 2:
				from += 2
			default:
				continue
			}
			name, value, _ := nameAndValue(unbraced(e.text[from:to]))
			m.options = append(m.options, masterOption{name, value, from, to})
		}
		all = append(all, m)
	}
	return all
}

// findMaster returns the entry of a service in the text of master.cf.
func findMaster(file, name, kind string) (m masterEntry, found bool) {
	all := masterEntries(file)
	at := slices.IndexFunc(all, func(m masterEntry) bool { return m.name == name && m.kind == kind })
	if at < 0 {
		return masterEntry{}, false
	}
	return all[at], true
}

// option returns the last "-o" for a parameter, which is the one that holds.
func (m masterEntry) option(name string) (o masterOption, found bool) {
	for _, candidate := range m.options {
		if candidate.name == name {
			o, found = candidate, true
		}
	}
	return o, found
}

// setOption returns master.cf with an option of a service set: in place, or on a line of its own behind the service.
func (m masterEntry) setOption(file, name, value string) string {
	argument := name + "=" + value
	if strings.ContainsAny(value, " \t\n") {
		argument = "{ " + name + " = " + value + " }"
	}
	if o, found := m.option(name); found {
		return m.splice(file, o.from, o.to, argument)
	}
	return withEnd(file[:m.end]) + "  -o " + argument + "\n" + file[m.end:]
}
