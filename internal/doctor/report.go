package doctor

import (
	"errors"
	"strings"
	"time"

	"sealmilter/internal/wiring"
)

// Program is what the program that checks knows of itself.
type Program struct {
	Version string
	// Built is when its sources were made, the zero time if it does not say.
	Built time.Time
}

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

// Findings adds findings that were made elsewhere.
func (r *Report) Findings(all []wiring.Finding) {
	for _, f := range all {
		if f.State == wiring.Error {
			r.errors++
		}
		r.lines++
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
	text := err.Error()
	at := strings.LastIndex(text, "; ")
	switch {
	case strings.Contains(text, "\n"):
		text = strings.ReplaceAll(text, "\n", "; ")
	case at >= 0:
		text, mend = text[:at], text[at+len("; "):]
	}
	r.add(state, topic, text, mend)
}
