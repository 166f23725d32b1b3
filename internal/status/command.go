package status

import "sealmilter/internal/shell"

// command is what to type for what a page shows or does.
type command struct {
	Does, Line string
}

// types returns a command line of the program. Its arguments are quoted for the shell, for somebody else may have chosen
// them.
func (p *Page) types(does string, words ...string) command {
	return command{does, p.Program + " " + shell.Quote(words...)}
}
