// Package pages reads the commands out of the project's pages and runs them as an administrator would who follows a page
// literally, on a throw-away host.
package pages

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Step is one command of a page, or an example of a configuration.
type Step struct {
	// Line is where it begins, counted from 1.
	Line int
	// Section is the text of the last heading of the second level above it, "" before the first.
	Section string
	// Command is what the reader types. It has more than one line where the shell would ask for more.
	Command string
	// Transcript tells that the page shows what the command prints, and Output is that.
	Transcript bool
	Output     string
	// Configuration is the text of an example in TOML. Command is "" then.
	Configuration string
}

// heading is a heading of the second level.
var heading = regexp.MustCompile(`^## (.*)$`)

// listItem begins an entry of a list.
var listItem = regexp.MustCompile(`^ *([-*]|[0-9]+\.) `)

// Steps returns the steps of a page in their order. A block without a language, whether indented or between fences, and one
// of the language "sh" or "console" holds commands: all of its lines, or, where some begin with "$ ", these, and what
// stands between them is what they print. Blocks of other languages hold none.
func Steps(page string) ([]Step, error) {
	var steps []Step
	lines := strings.Split(page, "\n")
	section, inList := "", false
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		trimmed := strings.TrimLeft(line, " ")
		indent := len(line) - len(trimmed)
		if language, fence := strings.CutPrefix(trimmed, "```"); fence {
			start := i + 1
			for i++; i < len(lines) && strings.TrimSpace(lines[i]) != "```"; i++ {
			}
			if i == len(lines) {
				return nil, fmt.Errorf("line %d: the block has no end", start)
			}
			found, err := block(language, dedent(lines[start:i], indent), start+1)
			if err != nil {
				return nil, err
			}
			steps = append(steps, inSection(found, section)...)
			continue
		}
		switch {
		case heading.MatchString(line):
			section, inList = heading.FindStringSubmatch(line)[1], false
		case listItem.MatchString(line):
			inList = true
		case trimmed != "" && indent == 0:
			inList = false
		}
		needed := 4
		if inList {
			needed = 7
		}
		if trimmed == "" || indent < needed || i == 0 || strings.TrimSpace(lines[i-1]) != "" {
			continue
		}
		start := i
		for i < len(lines) && (strings.HasPrefix(lines[i], strings.Repeat(" ", indent)) || strings.TrimSpace(lines[i]) == "") {
			i++
		}
		i--
		found, err := block("", dedent(lines[start:i+1], indent), start+1)
		if err != nil {
			return nil, err
		}
		steps = append(steps, inSection(found, section)...)
	}
	return steps, nil
}

func inSection(steps []Step, section string) []Step {
	for i := range steps {
		steps[i].Section = section
	}
	return steps
}

// dedent takes blanks off the front of lines, as many as there are and no more than width.
func dedent(lines []string, width int) []string {
	lines = slices.Clone(lines)
	for i, line := range lines {
		for n := 0; n < width && strings.HasPrefix(lines[i], " "); n++ {
			lines[i] = lines[i][1:]
		}
		if strings.TrimSpace(line) == "" {
			lines[i] = ""
		}
	}
	return lines
}

// block reads the lines of a block, the first of which is line number at of the page.
func block(language string, lines []string, at int) ([]Step, error) {
	switch language {
	case "toml":
		return []Step{{Line: at, Configuration: strings.Join(lines, "\n") + "\n"}}, nil
	case "", "sh", "console":
	default:
		for i, line := range lines {
			if strings.HasPrefix(line, "$ ") || strings.HasPrefix(line, "sealmilter ") {
				return nil, fmt.Errorf("line %d: a command in a block of the language %q, which would not be run: %s", at+i, language, line)
			}
		}
		return nil, nil
	}
	transcript := slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, "$ ") })
	var steps []Step
	for i := 0; i < len(lines); i++ {
		line, typed := strings.CutPrefix(lines[i], "$ ")
		switch {
		case transcript && !typed && len(steps) == 0:
			return nil, fmt.Errorf("line %d: output above the first command", at+i)
		case transcript && !typed:
			steps[len(steps)-1].Output += line + "\n"
		case line != "":
			step := Step{Line: at + i, Command: line, Transcript: transcript}
			for end := hereDocument(line); end != "" || continues(line); {
				i++
				if i == len(lines) {
					return nil, fmt.Errorf("line %d: the command has no end", step.Line)
				}
				line = lines[i]
				step.Command += "\n" + line
				if line == end {
					break
				}
			}
			steps = append(steps, step)
		}
	}
	return steps, nil
}

// continues reports whether the shell would ask for another line after this one.
func continues(line string) bool {
	line = strings.TrimRight(line, " ")
	return strings.HasSuffix(line, `\`) || strings.HasSuffix(line, "&&") || strings.HasSuffix(line, "|")
}

var hereWord = regexp.MustCompile(`<<'?([A-Z]+)'?`)

// hereDocument returns the word that ends the text which begins behind the line, "" if there is none.
func hereDocument(line string) string {
	if m := hereWord.FindStringSubmatch(line); m != nil {
		return m[1]
	}
	return ""
}
