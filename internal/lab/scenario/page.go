package scenario

import (
	"fmt"
	"os"
	"strings"
)

// PageBlock returns the lines of the first indented block under a heading, such as "### Postfix", of a page of docs, so
// that a test runs what the page tells an administrator.
func PageBlock(file, heading string) ([]string, error) {
	page, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	_, section, found := strings.Cut(string(page), "\n"+heading+"\n")
	if !found {
		return nil, fmt.Errorf("%s has no heading %q", file, heading)
	}
	var block []string
	for line := range strings.Lines(section) {
		text, indented := strings.CutPrefix(line, "    ")
		switch {
		case indented:
			block = append(block, strings.TrimSpace(text))
		case block != nil:
			return block, nil
		case strings.HasPrefix(line, "#"):
			return nil, fmt.Errorf("%s has no block under %q", file, heading)
		}
	}
	if block == nil {
		return nil, fmt.Errorf("%s has no block under %q", file, heading)
	}
	return block, nil
}
