package doctor

import (
	"cmp"
	"errors"
	"regexp"
	"strings"
	"time"

	"sealmilter/internal/config"
	"sealmilter/internal/shell"
	"sealmilter/internal/wiring"
)

// Program is what the program that checks knows of itself.
type Program struct {
	Version string
	// Built is when its sources were made, the zero time if it does not say.
	Built time.Time
	// ConfigFile is the configuration file that it was told of, "" for the default one.
	ConfigFile string
}

// file returns the configuration file, be it the default one.
func (p Program) file() string { return cmp.Or(p.ConfigFile, config.DefaultFile) }

// Report hands findings, as they come, to whoever prints them, and counts the errors among them. It is not safe for
// concurrent use.
type Report struct {
	program Program
	say     func(wiring.Finding) error
	errors  int
	lines   int   // findings of any kind
	err     error // of saying, and of closing what was opened
}

// NewReport returns an empty report of a program.
func NewReport(p Program, say func(wiring.Finding) error) *Report {
	return &Report{program: p, say: say}
}

// ourCommand is a command of this program that needs the configuration.
var ourCommand = regexp.MustCompile(`\bsealmilter (check|explain|keys|serve|setup|store)\b`)

// withFile names the configuration file in the commands that a text offers: without it they would work on another
// installation.
func (p Program) withFile(mend string) string {
	if p.ConfigFile == "" || strings.Contains(mend, " -c ") {
		return mend
	}
	return ourCommand.ReplaceAllStringFunc(mend, func(command string) string {
		_, name, _ := strings.Cut(command, " ")
		return "sealmilter -c " + shell.Quote(p.ConfigFile) + " " + name
	})
}

// Findings adds findings that were made elsewhere.
func (r *Report) Findings(all []wiring.Finding) {
	for _, f := range all {
		if f.State == wiring.Error {
			r.errors++
		}
		r.lines++
		f.Mend = r.program.withFile(f.Mend)
		r.err = errors.Join(r.err, r.say(f))
	}
}

// Errors returns how many findings were errors.
func (r *Report) Errors() int { return r.errors }

// Err returns what went wrong with the report itself, such as that it could not be printed.
func (r *Report) Err() error { return r.err }

func (r *Report) add(state wiring.State, topic, detail, mend string) {
	r.Findings([]wiring.Finding{{State: state, Topic: topic, Detail: detail, Mend: mend}})
}

// fail adds a line about an error. What stands behind its last semicolon is what to do about it; otherwise, and if it is
// several errors, that is mend.
func (r *Report) fail(state wiring.State, topic string, err error, mend string) {
	text, mend := advised(err, mend)
	r.add(state, topic, text, mend)
}

// advised splits an error into what is wrong and what to do about it.
func advised(err error, otherwise string) (text, mend string) {
	text = err.Error()
	at := strings.LastIndex(text, "; ")
	switch {
	case strings.Contains(text, "\n"):
		return strings.ReplaceAll(text, "\n", "; "), otherwise
	case at >= 0:
		return text[:at], text[at+len("; "):]
	default:
		return text, otherwise
	}
}
