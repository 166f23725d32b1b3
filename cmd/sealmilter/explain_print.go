package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"sealmilter/internal/gate"
)

const (
	// screenWidth is how many columns a line for people may have. A longer word stands alone.
	screenWidth = 80
	// rowIndent is how far the text of a row is indented.
	rowIndent = 8
	// longestField is how many octets of a header field are printed.
	longestField = 160
)

// printExplained prints one object in each line, or what people read.
func printExplained(w io.Writer, lines []explainedLine, asJSON bool) error {
	no := false
	for _, line := range lines {
		no = no || refuses(line.Action)
		if asJSON {
			if err := printJSON(w, line); err != nil {
				return err
			}
		}
	}
	if !asJSON {
		if _, err := io.WriteString(w, explainedText(lines)); err != nil {
			return err
		}
	}
	if no {
		return errNo
	}
	return nil
}

func refuses(action string) bool {
	return action == gate.Reject.String() || action == gate.Defer.String()
}

// explainedText is a block for each recipient, and below what is the same for all of them.
func explainedText(lines []explainedLine) string {
	var b strings.Builder
	for i, line := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		line.print(&b)
	}
	printSigner(&b, lines)
	printHeaders(&b, lines)
	printWhole(&b, lines)
	return b.String()
}

// print writes the block of a recipient.
func (l explainedLine) print(b *strings.Builder) {
	fmt.Fprintf(b, "%s  %s\n", printable(l.To), l.Action)
	l.row(b, "why", l.Why)
	if l.Mode != "" {
		l.row(b, "mode", l.Mode)
		switch {
		case l.Rule > 0:
			l.rule(b)
		default:
			l.row(b, "rule", "none covers this mail, so policy.mode counts")
		}
	}
	if l.Fingerprint != "" {
		l.row(b, "key", l.Fingerprint)
		l.row(b, "", fmt.Sprintf("from %s, believed as %s", l.Source, l.Level))
	}
	for i, step := range l.Trace {
		label := ""
		if i == 0 {
			label = "asked"
		}
		l.row(b, label, step.text(l.To))
	}
	if l.Token != "" {
		l.row(b, "log", l.Token)
	}
}

// rule writes the rule that counts. A setting is not torn apart, as far as it fits into a line.
func (l explainedLine) rule(b *strings.Builder) {
	words := []string{"number", fmt.Sprintf("%d:", l.Rule)}
	for i, setting := range l.settings {
		if setting = printable(setting); i < len(l.settings)-1 {
			setting += ","
		}
		if utf8.RuneCountInString(setting) > screenWidth-rowIndent {
			words = append(words, strings.Fields(setting)...)
		} else {
			words = append(words, setting)
		}
	}
	writeRow(b, "rule", wrap(words, screenWidth-rowIndent))
}

// row writes a label and a text behind it.
func (explainedLine) row(b *strings.Builder, label, text string) {
	writeRow(b, label, wrap(strings.Fields(printable(text)), screenWidth-rowIndent))
}

func writeRow(b *strings.Builder, label string, lines []string) {
	for i, part := range lines {
		if i > 0 {
			label = ""
		}
		fmt.Fprintf(b, "  %-*s%s\n", rowIndent-2, label, part)
	}
}

// printSigner says whose key signs what is signed or encrypted, which is the same for all recipients.
func printSigner(b *strings.Builder, lines []explainedLine) {
	for _, line := range lines {
		var text string
		switch {
		case line.Action != gate.Encrypt.String() && line.Action != gate.SignOnly.String():
			continue
		case line.Signer == "":
			text = "Nobody signs."
		case line.SignerKey == "":
			text = fmt.Sprintf("The key of %s signs, which is made with the first message. The headers of the copies show then.", line.Signer)
		case line.Signer != line.Author:
			text = fmt.Sprintf("The key %s of %s signs for %s.", line.SignerKey, line.Signer, line.Author)
		default:
			text = fmt.Sprintf("The key %s of %s signs.", line.SignerKey, line.Signer)
		}
		paragraph(b, text)
		return
	}
}

// printWhole says why nobody gets the message, though some could.
func printWhole(b *strings.Builder, lines []explainedLine) {
	for _, line := range lines {
		if line.Message != "" && !refuses(line.Action) {
			paragraph(b, fmt.Sprintf("Nobody gets the message (%s): %s", line.Message, line.MessageWhy))
			return
		}
	}
}

// boundaries are drawn anew for each copy.
var boundaries = regexp.MustCompile(`boundary="[^"]*"`)

// printHeaders prints what others see of the copies, once for those that look alike.
func printHeaders(b *strings.Builder, lines []explainedLine) {
	var order []string
	to := map[string][]string{}
	for _, line := range lines {
		if len(line.Header) == 0 {
			continue
		}
		header := boundaries.ReplaceAllString(headerText(line.Header), `boundary="..."`)
		if to[header] == nil {
			order = append(order, header)
		}
		to[header] = append(to[header], line.To)
	}
	for _, header := range order {
		what := "The header of the copy to "
		if len(to[header]) > 1 {
			what = "The header of the copies to "
		}
		paragraph(b, what+strings.Join(to[header], ", ")+":")
		b.WriteString(header)
	}
}

func headerText(fields []string) string {
	var b strings.Builder
	for _, field := range fields {
		if len(field) > longestField {
			field = fmt.Sprintf("%s... (%d octets)", strings.ToValidUTF8(field[:longestField], ""), len(field))
		}
		for i, part := range wrap(strings.Fields(printable(field)), screenWidth-4) {
			if i > 0 {
				b.WriteString("  ")
			}
			fmt.Fprintf(&b, "  %s\n", part)
		}
	}
	return b.String()
}

func paragraph(b *strings.Builder, text string) {
	b.WriteByte('\n')
	for _, line := range wrap(strings.Fields(printable(text)), screenWidth) {
		b.WriteString(line + "\n")
	}
}

// wrap joins words into lines of a width in characters.
func wrap(words []string, width int) (lines []string) {
	line := ""
	for _, word := range words {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

// printable replaces what a terminal may take for a command: a message is anybody's text.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || r == '\n' {
			return r
		}
		return '?'
	}, text)
}
