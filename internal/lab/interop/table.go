package interop

import (
	"fmt"
	"strings"
)

// row is a message in somebody's mailbox.
type row struct {
	name   string
	sample *sample
	box    *mailbox
	// v6 excuses programs that know nothing of version 6 keys.
	v6 bool
}

// table is one of the page's.
type table struct {
	title, about string
	rows         []row
	// broken tells that no cell may be "yes".
	broken bool
	// cells are the texts by row and program.
	cells [][]string
}

// markdown writes a table as it stands in the page.
func (t *table) markdown(programs []program) string {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n%s\n\n|", t.title, t.about)
	for _, p := range programs {
		b.WriteString(" | " + p.name())
	}
	b.WriteString(" |\n|---" + strings.Repeat("|---", len(programs)) + "|\n")
	for i, r := range t.rows {
		b.WriteString("| " + r.name + " | " + strings.Join(t.cells[i], " | ") + " |\n")
	}
	return b.String()
}
