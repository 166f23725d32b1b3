package manual

import (
	"cmp"
	"strings"
)

// Edition is what the pages of a program have in common.
type Edition struct {
	// Date is as in "2006-01-02", and Version that of the program; both may be empty.
	Date, Version string
}

// Command is a command of the program.
type Command struct {
	// Words are those of the command line, such as "sealmilter", "keys", "import".
	Words []string
	// Short is what it does in a line, and Long in full, "" if there is no more to say.
	Short, Long string
	// Usage is the synopsis without the program's name.
	Usage string
	Flags []Flag
	// Commands are those below it.
	Commands []Command
	// More has sections that are the page's own.
	More []Section
}

// Section is a section of a page.
type Section struct {
	Name, Text string
}

// Flag is an option of a command.
type Flag struct {
	// Name is without dashes, and so is Letter, which may be empty. Value is the name of its value, "" for none.
	Name, Letter, Value string
	// Usage says what it does, and Default is "" where that goes without saying.
	Usage, Default string
}

// Name is what the page of the command is called.
func (c Command) Name() string { return strings.Join(c.Words, "-") }

// Page writes the page of a command in section 1. See names the pages to look at besides, such as
// "sealmilter.toml(5)".
func (e Edition) Page(c Command, see ...string) []byte {
	r := newPage(c.Name(), "1", e.Date, strings.TrimSpace("sealmilter "+e.Version))
	r.section("NAME")
	r.line(escape(c.Name()) + ` \- ` + escape(c.Short))
	r.section("SYNOPSIS")
	r.line(bold(c.Words[0]) + " " + escape(c.Usage))
	r.section("DESCRIPTION")
	r.text(cmp.Or(c.Long, c.Short+"."), paragraph, nil)
	if len(c.Commands) > 0 {
		r.section("COMMANDS")
		for _, sub := range c.Commands {
			r.tags(bold(strings.Join(sub.Words[1:], " ")))
			r.line(escape(sub.Short) + "; see")
			r.line(bold(sub.Name()) + "(1).")
		}
	}
	if len(c.Flags) > 0 {
		r.section("OPTIONS")
		for _, f := range c.Flags {
			r.flag(f)
		}
	}
	for _, s := range c.More {
		r.section(s.Name)
		r.text(s.Text, paragraph, nil)
	}
	r.section("SEE ALSO")
	for i, page := range see {
		name, section, _ := strings.Cut(page, "(")
		end := ","
		if i == len(see)-1 {
			end = ""
		}
		r.line(bold(name) + "(" + escape(section) + end)
	}
	return []byte(r.String())
}

func (r *roff) flag(f Flag) {
	tag := bold("--" + f.Name)
	if f.Letter != "" {
		tag = bold("-"+f.Letter) + ", " + tag
	}
	if f.Value != "" {
		tag += " " + italic(f.Value)
	}
	r.tags(tag)
	usage := f.Usage
	if f.Default != "" {
		usage += " (default " + f.Default + ")"
	}
	r.line(escape(usage))
}
