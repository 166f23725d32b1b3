package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"sealmilter/deploy"
	"sealmilter/internal/lab"
)

// TestManualIsComplete holds the pages to the commands, to their flags, and to the keys of the configuration.
func TestManualIsComplete(t *testing.T) {
	pages := make(map[string]string)
	root, _ := newRoot()
	for _, p := range manualPages(root) {
		pages[p.path] = strings.ReplaceAll(string(p.text), `\-`, "-")
	}
	var hold func(cmd *cobra.Command)
	hold = func(cmd *cobra.Command) {
		page, found := pages["man1/"+strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1"]
		if !found {
			t.Errorf("%s has no page", cmd.CommandPath())
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && f.Name != "help" && !strings.Contains(page, `\fB--`+f.Name+`\fR`) {
				t.Errorf("the page of %s lacks --%s", cmd.CommandPath(), f.Name)
			}
		})
		for _, sub := range shown(cmd) {
			if !strings.Contains(page, "\n"+`\fB`+manualOf(sub).Name()+`\fR(1).`) {
				t.Errorf("the page of %s does not lead to that of %s", cmd.CommandPath(), sub.CommandPath())
			}
			hold(sub)
		}
	}
	hold(root)
	ofConfig := pages["man5/sealmilter.toml.5"]
	keys := regexp.MustCompile(`(?m)^(\w+) *= `).FindAllStringSubmatch(deploy.Config, -1)
	if len(keys) < 50 {
		t.Fatalf("the configuration has %d keys", len(keys))
	}
	for _, m := range keys {
		if !strings.Contains(ofConfig, "\n"+`\fB`+m[1]+`\fR = `) {
			t.Errorf("sealmilter.toml(5) lacks %s", m[1])
		}
	}
}

// TestManualIsWellFormed has mandoc look for what a formatter would stumble over.
func TestManualIsWellFormed(t *testing.T) {
	tree, err := lab.Unpack(t.Context(), os.Stderr, "mandoc")
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	var out, failed bytes.Buffer
	if status := run(t.Context(), []string{"man", folder}, nil, &out, &failed); status != exitDone {
		t.Fatalf("status %d: %s", status, failed.String())
	}
	pages, err := filepath.Glob(folder + "/man[15]/*")
	if err != nil || len(pages) < 10 {
		t.Fatal(pages, err)
	}
	// The date is that of a commit, which a test binary does not know.
	said, _ := tree.Command(t.Context(), "/usr/bin/mandoc", append([]string{"-T", "lint", "-W", "warning"}, pages...)...).CombinedOutput()
	for line := range strings.Lines(string(said)) {
		if !strings.Contains(line, "missing date") {
			t.Error(strings.TrimSpace(line))
		}
	}
}
