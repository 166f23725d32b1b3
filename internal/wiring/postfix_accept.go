package wiring

import (
	"strings"

	"sealmilter/internal/shell"
)

// Accepting is a setting that lets mail pass a filter that does not answer.
type Accepting struct {
	// Where names the setting, Mend is the command that changes it.
	Where, Mend string
}

// Accepting returns where the value accept stands: as milter_default_action of main.cf or of a service, or as the default
// action of a single filter. With it, mail leaves in clear text when sealmilter is down.
func (p *Postfix) Accepting() []Accepting {
	var all []Accepting
	if isAccept(p.Main["milter_default_action"]) {
		all = append(all, Accepting{"milter_default_action = accept in main.cf", "postconf -e milter_default_action=tempfail"})
	}
	for _, name := range []string{"smtpd_milters", "non_smtpd_milters"} {
		value := p.Main[name]
		if mended, found := withoutAccept(value); found {
			all = append(all, Accepting{name + " in main.cf has default_action=accept", "postconf -e " + shell.Quote(name+"="+mended)})
		}
	}
	for _, s := range p.Services {
		key := s.Name + "/" + s.Type + "/"
		if isAccept(s.Overrides["milter_default_action"]) {
			all = append(all, Accepting{"milter_default_action=accept for " + s.Name + " in master.cf", "postconf -P " + shell.Quote(key+"milter_default_action=tempfail")})
		}
		for _, name := range []string{"smtpd_milters", "non_smtpd_milters"} {
			if mended, found := withoutAccept(s.Overrides[name]); found {
				all = append(all, Accepting{name + " of " + s.Name + " in master.cf has default_action=accept", "postconf -P " + shell.Quote(key+name+"="+mended)})
			}
		}
	}
	return all
}

func isAccept(s string) bool { return strings.EqualFold(strings.TrimSpace(s), "accept") }

// withoutAccept returns a list of filters with tempfail in place of accept.
func withoutAccept(value string) (mended string, found bool) {
	var list []string
	for _, f := range parseFilters(value) {
		text := oneLine(f.text)
		if isAccept(f.options["default_action"]) {
			found = true
			parts := words(unbraced(f.text), listSeparators)
			for i, part := range parts[1:] {
				if name, _, _ := nameAndValue(unbraced(part)); name == "default_action" {
					parts[i+1] = "default_action=tempfail"
				}
			}
			text = "{ " + strings.Join(parts, ", ") + " }"
		}
		list = append(list, text)
	}
	return strings.Join(list, ", "), found
}

// accepting reports each of them.
func (k *postfixCheck) accepting() {
	for _, a := range k.Accepting() {
		k.error(postfixTopic, a.Where+": when a filter does not answer, mail leaves without it, in clear text", a.Mend+" && postfix reload")
	}
	if action := k.Main["milter_default_action"]; strings.EqualFold(action, "quarantine") {
		k.warning(postfixTopic, "milter_default_action = quarantine holds mail in the queue in clear text when a filter does not answer",
			"postconf -e milter_default_action=tempfail && postfix reload")
	}
}
