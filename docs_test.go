package sealmilter_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sealmilter/internal/config"
)

// pages returns the paths of all pages with their text.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "deploy/*/*.md", "deploy/*/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatal(pattern, err)
		}
		for _, page := range found {
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			all[page] = string(text)
		}
	}
	return all
}

var fenced = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```")

// headings returns the fragments by which the sections of a page are linked to.
func headings(text string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		words := regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(words, " ", "-"))
	}
	return all
}

// TestDocsNameWhatExists holds the pages to the tree: a file that is named in backquotes, or linked to, is there, and so is
// the section of a page.
func TestDocsNameWhatExists(t *testing.T) {
	inTree := regexp.MustCompile("`((?:cmd|crypto|deploy|docs|internal|keys|milter)/[a-z0-9_/.]+)`")
	linked := regexp.MustCompile(`\]\(([^):#]*)(#[^):]+)?\)`)
	all := pages(t)
	for page, text := range all {
		for _, m := range inTree.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(strings.TrimSuffix(m[1], "/")); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
		for _, m := range linked.FindAllStringSubmatch(text, -1) {
			target := page
			if m[1] != "" {
				target = filepath.Join(filepath.Dir(page), m[1])
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %v", page, err)
			}
			if section := strings.TrimPrefix(m[2], "#"); section != "" && !slices.Contains(headings(all[target]), section) {
				t.Errorf("%s: %s has no section %q", page, target, section)
			}
		}
	}
}

// TestDocsConfigurationIsAccepted reads every example of a configuration as the program would.
func TestDocsConfigurationIsAccepted(t *testing.T) {
	examples := 0
	for page, text := range pages(t) {
		for _, m := range fenced.FindAllStringSubmatch(text, -1) {
			if m[1] != "toml" {
				continue
			}
			examples++
			if _, err := config.Parse(page, []byte(m[2])); err != nil {
				t.Errorf("%v\n%s", err, m[2])
			}
		}
	}
	if examples == 0 {
		t.Error("no page has an example")
	}
}
