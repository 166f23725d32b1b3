package manual

import (
	"fmt"
	"strings"
)

// roff is the text of a page for groff and mandoc.
type roff struct{ strings.Builder }

// escaper keeps octets from meaning something to the formatter, and from being printed as a typographer would: commands
// have to be copied as they stand (groff_char(7)).
var escaper = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, `"`, `\(dq`)

func escape(text string) string { return escaper.Replace(text) }

func bold(text string) string { return `\fB` + escape(text) + `\fR` }

func italic(text string) string { return `\fI` + escape(text) + `\fR` }

// newPage begins a page. Date is as in "2006-01-02", and may be empty.
func newPage(name, section, date, source string) *roff {
	r := &roff{}
	fmt.Fprintf(r, ".TH %q %q %q %q %q\n", strings.ToUpper(name), section, date, source, "sealmilter")
	r.WriteString(".nh\n.ad l\n.ss 12 0\n") // words that are split cannot be searched for
	return r
}

func (r *roff) section(name string) { fmt.Fprintf(r, ".SH %s\n", escape(name)) }

func (r *roff) subsection(name string) { fmt.Fprintf(r, ".SS %s\n", escape(name)) }

// line writes a line of text that is escaped already. No line of text begins with what begins a request.
func (r *roff) line(text string) {
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	r.WriteString(text + "\n")
}

// tags begins an item of a list that has several names.
func (r *roff) tags(names ...string) {
	for i, name := range names {
		request := ".TP"
		if i > 0 {
			request = ".TQ"
		}
		r.WriteString(request + "\n")
		r.line(name)
	}
}

// The requests that begin a further paragraph.
const (
	paragraph = ".PP"
	ofItem    = ".IP" // one that belongs to an item
)

// text writes paragraphs, each but the first after the request further. Lines that are indented keep their form, as do
// those that literal chooses.
func (r *roff) text(text, further string, literal func(line string) bool) {
	const blank, flowing, kept = 0, 1, 2
	begin := ".RS 2\n.nf\n"
	if further == ofItem {
		begin = ".RS\n.nf\n" // as far in as the item
	}
	state, begun := blank, false
	for line := range strings.Lines(strings.Trim(text, "\n")) {
		line = strings.TrimRight(line, " \n")
		next := flowing
		switch {
		case line == "":
			next = blank
		case strings.HasPrefix(line, "  "), literal != nil && literal(line):
			next = kept
		}
		if state == kept && next != kept {
			r.WriteString(".fi\n.RE\n")
		}
		switch {
		case next == blank:
		case next == kept:
			if state != kept {
				if begun {
					r.WriteString(".sp\n")
				}
				r.WriteString(begin)
			}
			r.line(escape(strings.TrimPrefix(line, "  ")))
			begun = true
		default:
			if state != flowing && begun {
				r.WriteString(further + "\n")
			}
			r.line(escape(line))
			begun = true
		}
		state = next
	}
	if state == kept {
		r.WriteString(".fi\n.RE\n")
	}
}
