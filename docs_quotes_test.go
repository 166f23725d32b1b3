package sealmilter_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTroubleshootingQuotesTheProgram looks in the program for every text that docs/troubleshooting.md says is its own:
// those in the first column of tables of what a client hears or the program says. "..." stands for what differs.
func TestTroubleshootingQuotesTheProgram(t *testing.T) {
	page, err := os.ReadFile("docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	code := sources(t)
	quoted := regexp.MustCompile("`([^`]+)`")
	says, quotes := false, 0
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			says = false
			continue
		}
		first := strings.TrimSpace(cells[1])
		switch {
		case strings.HasPrefix(first, "the client hears"), first == "it says":
			says = true
		case !says, strings.HasPrefix(first, "nothing of ours"):
		default:
			for _, m := range quoted.FindAllStringSubmatch(first, -1) {
				quotes++
				for part := range strings.SplitSeq(m[1], "...") {
					if part = strings.TrimSpace(part); !strings.Contains(code, part) {
						t.Errorf("the program has no text %q", part)
					}
				}
			}
		}
	}
	if quotes < 20 {
		t.Errorf("there are %d quotations: the tables were not found", quotes)
	}
}

// sources returns the text of the program, without tests and the laboratory, with strings joined that are split over lines.
func sources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path == filepath.Join("internal", "lab"):
			return fs.SkipDir
		case entry.IsDir(), !strings.HasSuffix(path, ".go"), strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`" \+\s*"`).ReplaceAllString(all.String(), "")
}
