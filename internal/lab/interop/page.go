package interop

import (
	"fmt"
	"os"
	"strings"
)

// The lines of the page between which the tables stand.
const (
	tablesBegin = "<!-- made by make interop UPDATE=1, from here -->\n"
	tablesEnd   = "<!-- to here -->\n"
)

// DifferentError is the error when the page does not have the tables as they have come out.
type DifferentError struct {
	Page string
	// Lines are those that differ: "-" begins one of the page, "+" one of the run.
	Lines []string
}

func (e *DifferentError) Error() string {
	return fmt.Sprintf("%s does not have what came out (make interop UPDATE=1 writes it):\n%s", e.Page, strings.Join(e.Lines, "\n"))
}

// comparePage compares the tables of a page with those of a run, and writes them there if update is set.
func comparePage(page, tables string, update bool) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, begun := strings.Cut(string(text), tablesBegin)
	old, after, ended := strings.Cut(rest, tablesEnd)
	switch {
	case !begun || !ended:
		return fmt.Errorf("%s has no place for the tables: the lines %q and %q", page, strings.TrimSpace(tablesBegin), strings.TrimSpace(tablesEnd))
	case old == tables:
		return nil
	case update:
		return os.WriteFile(page, []byte(before+tablesBegin+tables+tablesEnd+after), 0o644)
	}
	return &DifferentError{page, differences(old, tables)}
}

// differences lists the lines that only one of two texts has.
func differences(old, new string) (lines []string) {
	only := func(sign, of, other string) {
		has := make(map[string]int)
		for line := range strings.SplitSeq(other, "\n") {
			has[line]++
		}
		for line := range strings.SplitSeq(of, "\n") {
			if has[line]--; has[line] < 0 {
				lines = append(lines, sign+" "+line)
			}
		}
	}
	only("-", old, new)
	only("+", new, old)
	if lines == nil {
		lines = []string{"the order of lines"}
	}
	return lines
}
