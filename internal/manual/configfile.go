package manual

import (
	"regexp"
	"strings"
)

// example matches a line of a comment that is TOML: the head of a table, or a key with its whole value.
var example = regexp.MustCompile(`^(\[+[\w.]+\]+|("[^"]*"|\w+)\s*=\s*("[^"]*"|\[.*\]|true|false|\d+))$`)

// setting matches a key of the file with its value.
var setting = regexp.MustCompile(`^(\w+)\s*= (.*)$`)

// ConfigFile writes the page of a configuration file in section 5, from a file that has every key at its default, below
// a comment that says what it means. A comment may stand above several keys, and one that ends at a blank line is about
// what follows. More are sections at the end.
func (e Edition) ConfigFile(name, summary, text string, more ...Section) []byte {
	r := newPage(name, "5", e.Date, strings.TrimSpace("sealmilter "+e.Version))
	r.section("NAME")
	r.line(escape(name) + ` \- ` + escape(summary))
	r.section("DESCRIPTION")
	var comment, keys []string
	begun := false  // whether the comment at the top is written
	headed := false // whether there is nothing yet below a heading
	flush := func() {
		said := strings.Join(comment, "\n")
		isExample := func(line string) bool { return example.MatchString(line) }
		switch {
		case len(keys) > 0:
			r.tags(keys...)
			r.text(said, ofItem, isExample)
		case said != "":
			if begun && !headed {
				r.WriteString(paragraph + "\n")
			}
			r.text(said, paragraph, isExample)
		}
		headed = headed && said == "" && len(keys) == 0
		if !begun && said != "" {
			begun = true
			r.section("OPTIONS")
			headed = true
		}
		comment, keys = nil, nil
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch said, isComment := strings.CutPrefix(line, "#"); {
		case isComment:
			if len(keys) > 0 {
				flush()
			}
			comment = append(comment, strings.TrimPrefix(said, " "))
		case strings.HasPrefix(line, "["):
			// What stands above a table is about it.
			above := comment
			comment = nil
			flush()
			r.subsection(line)
			headed = true
			comment = above
			if len(above) > 0 {
				flush()
			}
		case line == "":
			flush()
		default:
			m := setting.FindStringSubmatch(line)
			if m == nil {
				m = []string{line, line, ""}
			}
			keys = append(keys, bold(m[1])+" = "+escape(m[2]))
		}
	}
	flush()
	for _, s := range more {
		r.section(s.Name)
		r.text(s.Text, paragraph, nil)
	}
	return []byte(r.String())
}
