package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"sealmilter/internal/doctor"
	"sealmilter/internal/wiring"
)

// newReport returns a report of a command, which prints its findings as they come.
func newReport(cmd *cobra.Command, asJSON bool) *doctor.Report {
	out := cmd.OutOrStdout()
	p := doctor.Program{Version: version(), Built: buildTime(), ConfigFile: namedFile(cmd)}
	return doctor.NewReport(p, func(f wiring.Finding) error {
		if asJSON {
			return printJSON(out, findingLine{f.State, f.Topic, f.Detail, f.Mend})
		}
		text := fmt.Sprintf("%-8s %s: %s\n", f.State, inOneLine(f.Topic), inOneLine(f.Detail))
		if f.Mend != "" {
			text += fmt.Sprintf("         -> %s\n", inOneLine(f.Mend))
		}
		_, err := io.WriteString(out, text)
		return err
	})
}

// findingLine is one finding for programs.
type findingLine struct {
	State  wiring.State `json:"state"` // ok, warning or error
	Topic  string       `json:"topic"`
	Detail string       `json:"detail"`
	Mend   string       `json:"mend,omitempty"`
}

// inOneLine leaves out what a terminal would take for a command, or for another line: a finding may have in it what a
// server has answered, or a program that some user of the host has started.
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
