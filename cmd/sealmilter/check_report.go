package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"sealmilter/internal/wiring"
)

// checkLine is one finding.
type checkLine struct {
	State  string `json:"state"` // ok, warning or error
	Topic  string `json:"topic"`
	Detail string `json:"detail"`
	Mend   string `json:"mend,omitempty"`
}

// checkReport prints findings as they come.
type checkReport struct {
	out    io.Writer
	asJSON bool
	errors int
	err    error // of printing
}

func (r *checkReport) add(state, topic, detail, mend string) {
	if state == "error" {
		r.errors++
	}
	var err error
	if r.asJSON {
		err = printJSON(r.out, checkLine{state, topic, detail, mend})
	} else {
		_, err = fmt.Fprintf(r.out, "%-8s %s: %s\n", state, topic, inOneLine(detail))
		if mend != "" {
			_, err = fmt.Fprintf(r.out, "         -> %s\n", inOneLine(mend))
		}
	}
	r.err = errors.Join(r.err, err)
}

// inOneLine leaves out what a terminal would take for a command, or for another line: a finding may have in it what a server has
// answered, or a program that some user of the host has started.
func inOneLine(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029':
			return '\ufffd'
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
}

// fail adds a line about an error. What stands behind its last semicolon is what to do about it; otherwise, and if it is
// several errors, that is mend.
func (r *checkReport) fail(state, topic string, err error, mend string) {
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

func (r *checkReport) findings(all []wiring.Finding) {
	for _, f := range all {
		r.add(string(f.State), f.Topic, f.Detail, f.Mend)
	}
}

// end is the error of the command: of printing, or that errors were found.
func (r *checkReport) end() error {
	if r.err != nil {
		return r.err
	}
	if r.errors > 0 {
		return fmt.Errorf("errors found: %d", r.errors)
	}
	return nil
}
