package wiring

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"sealmilter/deploy/postfix"
	"sealmilter/internal/config"
)

// The lines that hold what was added to a file, so that it can be found and taken out again.
const (
	beginMark = "# BEGIN sealmilter: \"sealmilter setup postfix --undo\" takes these lines out.\n"
	endMark   = "# END sealmilter\n"
)

// ErrRefused is wrapped by errors that say why the mail server cannot be wired as it is set up, and what to do first.
var ErrRefused = errors.New("nothing was changed")

// PostfixFiles are the texts of the two files of settings.
type PostfixFiles struct{ Main, Master string }

// Wire returns the files as they have to be for a sealmilter with the configuration c: what is set stays, sealmilter's
// entry joins the filters that are there, behind those that read the text and before those that sign. Files that are right
// come back unchanged. Errors wrap [ErrRefused].
func (p *Postfix) Wire(files PostfixFiles, c *config.Config) (PostfixFiles, error) {
	if accepting := p.Accepting(); len(accepting) > 0 {
		a := accepting[0]
		return files, fmt.Errorf("%s: when a filter does not answer, mail would leave in clear text; %w; first type: %s", a.Where, ErrRefused, a.Mend)
	}
	w := &postfixWiring{Postfix: p, config: c, here: p.Endpoint(c.Listen), files: files}
	if broken := w.unbalanced(); broken != "" {
		return files, fmt.Errorf("the braces of %q do not match; %w; correct that line first", broken, ErrRefused)
	}
	if _, inside := w.here.inQueue(); c.Listen.Network == "unix" && !inside && p.chroots() {
		return files, fmt.Errorf("daemons of Postfix run in a chroot and cannot see %s; %w; set listen = \"unix:%s/sealmilter/milter.sock\", or inet:127.0.0.1:8894",
			c.Listen, ErrRefused, p.Main["queue_directory"])
	}
	w.was, w.hasMoved = w.former(files.Master)
	w.hasMoved = w.hasMoved && !w.here.is(w.was.String())
	w.main()
	w.listeners()
	for _, step := range []func() error{w.services, w.programs} {
		if err := step(); err != nil {
			return files, err
		}
	}
	w.copies()
	return w.files, nil
}

// unbalanced returns the begin of a line that would have to be changed and cannot be read, "" if there is none.
func (w *postfixWiring) unbalanced() string {
	var lines []string
	for _, name := range []string{"smtpd_milters", "non_smtpd_milters"} {
		if e, _, found := parameter(w.files.Main, name); found {
			lines = append(lines, e.text)
		}
	}
	for _, m := range masterEntries(w.files.Master) {
		lines = append(lines, m.text)
	}
	for _, line := range lines {
		if !balanced(line) {
			return oneLine(line)[:min(40, len(oneLine(line)))]
		}
	}
	return ""
}

// chroots reports whether a service that talks to sealmilter runs in a chroot.
func (p *Postfix) chroots() bool {
	return slices.ContainsFunc(p.Services, func(s Service) bool { return s.Chroot && (s.Command == "smtpd" || s.Command == "cleanup") })
}

type postfixWiring struct {
	*Postfix
	config *config.Config
	here   Endpoint
	files  PostfixFiles
	// was is where sealmilter listened when the files were wired, if hasMoved says that it is elsewhere now.
	was      Endpoint
	hasMoved bool
	// filters is smtpd_milters as it will be in main.cf, with "$name" expanded.
	filters []filter
}

// fragments returns the shipped lines with the addresses of this configuration, and with the header checks of main.cf beside
// the one for mail of local programs: main.cf does not hold where a service has header checks of its own.
func (w *postfixWiring) fragments() PostfixFiles {
	const shipped, rule = "inet:" + postfix.Listen, "PREPEND $$1 } }"
	addresses := strings.NewReplacer(shipped, w.here.String(), postfix.Reinject, w.config.Reinject,
		rule, strings.TrimSpace(rule+" "+w.headerChecks()))
	return PostfixFiles{
		Main:   addresses.Replace(postfix.MainCF(postfix.Listen)),
		Master: addresses.Replace(postfix.MasterCF(postfix.Listen, postfix.Reinject)),
	}
}

// entry returns sealmilter's entry as the fragment has it.
func (w *postfixWiring) entry() string {
	_, value, _ := parameter(w.fragments().Main, "smtpd_milters")
	return value
}

// main sets the parameters of the fragment.
func (w *postfixWiring) main() {
	_, written, _ := parameter(w.files.Main, "smtpd_milters")
	merged := w.merge(written, w.entry())
	w.files.Main = setParameter(w.files.Main, "smtpd_milters", merged)
	w.filters = w.expand(merged)
	for _, e := range entries(w.fragments().Main) {
		name, value, _ := nameAndValue(e.text)
		if _, _, set := parameter(w.files.Main, name); set && w.suits(name) {
			continue
		}
		w.files.Main = setParameter(w.files.Main, name, value)
	}
}

// suits reports whether the value that a parameter has can stay.
func (w *postfixWiring) suits(name string) bool {
	switch value := w.Main[name]; name {
	case "smtpd_milters":
		return true
	case "milter_default_action":
		return slices.Contains([]string{"tempfail", "reject", "shutdown", "quarantine"}, strings.ToLower(value))
	case "milter_protocol":
		return compatibility(value) >= 6
	default:
		return false
	}
}

// expand parses a list of filters with those that a "$name" stands for in its place. What cannot be looked up stays.
func (w *postfixWiring) expand(list string) []filter {
	var all []filter
	for _, f := range parseFilters(list) {
		all = append(all, w.meaning(f)...)
	}
	return all
}

// meaning returns the filters that an entry of a list stands for.
func (w *postfixWiring) meaning(f filter) []filter {
	name := strings.Trim(strings.TrimPrefix(f.text, "$"), "(){}")
	switch {
	case !strings.HasPrefix(f.text, "$"):
		return []filter{f}
	case name == "smtpd_milters" && w.filters != nil:
		return w.filters
	default:
		return parseFilters(w.Main[name])
	}
}

// merge puts sealmilter's entry into a list of filters: before the first that signs, else at the end. An entry that is
// there is moved if it stands behind one that signs.
func (w *postfixWiring) merge(list, own string) string {
	list = w.moved(list)
	all := parseFilters(list)
	signer, at := len(all), -1
	for i, f := range all {
		meaning := w.meaning(f)
		if at < 0 && w.here.find(meaning) >= 0 {
			at = i
		}
		if signer == len(all) && slices.ContainsFunc(meaning, filter.isSigner) {
			signer = i
		}
	}
	if at >= 0 && at <= signer {
		return list
	}
	if at >= 0 {
		own = all[at].text
		all = slices.Delete(all, at, at+1)
	}
	all = slices.Insert(all, signer, filter{text: own})
	return listed(all, ",\n    ")
}

// listeners puts sealmilter into the lists that services of clients have of their own. An empty list stays empty: it is how
// a content filter hands mail back.
func (w *postfixWiring) listeners() {
	for _, m := range masterEntries(w.files.Master) {
		if m.command != "smtpd" || (Service{Name: m.name, Type: m.kind}).isAt(w.config.Reinject) {
			continue
		}
		o, own := m.option("smtpd_milters")
		if !own || o.value == "" {
			continue
		}
		if merged := w.merge(o.value, oneLine(w.entry())); merged != o.value {
			// Places in the text change with each edit, so the entry is looked for again.
			if now, found := findMaster(w.files.Master, m.name, m.kind); found {
				w.files.Master = now.setOption(w.files.Master, "smtpd_milters", oneLine(merged))
			}
		}
	}
}
