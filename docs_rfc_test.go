package sealmilter_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestEveryStandardIsListed holds docs/rfc.md to the program: an RFC that the code names has a row there.
func TestEveryStandardIsListed(t *testing.T) {
	page, err := os.ReadFile("docs/rfc.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for line := range strings.Lines(string(page)) {
		if cells := strings.Split(line, "|"); len(cells) > 3 {
			listed = append(listed, regexp.MustCompile(`\b[0-9]{4}\b`).FindAllString(cells[1]+cells[2]+cells[3], -1)...)
		}
	}
	named := map[string]bool{}
	for _, m := range regexp.MustCompile(`\bRFC ([0-9]{4})\b`).FindAllStringSubmatch(sources(t), -1) {
		named[m[1]] = true
	}
	if len(named) < 40 {
		t.Errorf("the code names only %d standards", len(named))
	}
	for number := range named {
		if !slices.Contains(listed, number) {
			t.Errorf("docs/rfc.md has no row for RFC %s", number)
		}
	}
}
