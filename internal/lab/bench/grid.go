package bench

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// grid is a table as people read it. The first column says what a row is about.
type grid struct {
	// part is the place in the page that it stands in.
	part         string
	title, about string
	header       []string
	rows         [][]string
}

// text is for a terminal.
func (g grid) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s. %s\n", g.title, g.about)
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', tabwriter.AlignRight)
	for _, row := range append([][]string{g.header}, g.rows...) {
		fmt.Fprintln(w, strings.Join(row, "\t")+"\t")
	}
	w.Flush() // a Builder never fails
	return b.String()
}

// markdown is for the page.
func (g grid) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s. %s\n\n| %s |\n|---%s|\n", g.title, g.about, strings.Join(g.header, " | "), strings.Repeat("|---:", len(g.header)-1))
	for _, row := range g.rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
	return b.String()
}
