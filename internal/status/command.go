package status

import (
	"strings"

	"sealmilter/internal/shell"
)

// command is what to type for what a page shows or does.
type command struct {
	Does, Line string
}

// types returns a command line of the program. Its arguments are quoted for the shell, for somebody else may have chosen
// them.
func (p *Page) types(does string, words ...string) command {
	return command{does, p.Program + " " + shell.Quote(words...)}
}

// argument returns a text that somebody else has chosen as arguments of a command: one that begins with a hyphen is no
// option.
func argument(texts ...string) []string {
	for _, text := range texts {
		if strings.HasPrefix(text, "-") {
			return append([]string{"--"}, texts...)
		}
	}
	return texts
}
