package status

import "strings"

// command is what to type for what a page shows or does.
type command struct {
	Does, Line string
}

// types returns a command line of the program. Its arguments are quoted for the shell, for somebody else may have chosen
// them.
func (p *Page) types(does string, words ...string) command {
	var b strings.Builder
	b.WriteString(p.Program)
	for _, word := range words {
		b.WriteByte(' ')
		b.WriteString(Quote(word))
	}
	return command{does, b.String()}
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

// Quote returns a word as the shell reads it (POSIX.1, section 2.2).
func Quote(word string) string {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@%+=:,./_-"
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
