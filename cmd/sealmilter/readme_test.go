package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestReadmeHasEveryCommand holds the table of commands to those that help shows.
func TestReadmeHasEveryCommand(t *testing.T) {
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n## Commands\n")
	table, _, _ = strings.Cut(table, "\n## ")
	var listed []string
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			continue
		}
		group := "" // `sealmilter keys` `import`, `list`, ...; or `setup postfix`, `setup sendmail`
		for _, m := range regexp.MustCompile("`(?:sealmilter )?([a-z][a-z ]*)[^`]*`").FindAllStringSubmatch(cells[1], -1) {
			name := strings.TrimSpace(m[1])
			if name == "keys" || name == "store" {
				group = name + " "
				continue
			}
			listed = append(listed, group+name)
		}
	}
	var shows []string
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if subs := shown(cmd); len(subs) > 0 {
			for _, sub := range subs {
				walk(sub)
			}
			return
		}
		shows = append(shows, strings.TrimPrefix(cmd.CommandPath(), "sealmilter "))
	}
	root, _ := newRoot()
	walk(root)
	is := func(written, command string) bool {
		return written == command || strings.HasPrefix(written, command+" ")
	} // with arguments
	for _, command := range shows {
		if !slices.ContainsFunc(listed, func(written string) bool { return is(written, command) }) {
			t.Errorf("README.md has no line for sealmilter %s", command)
		}
	}
	for _, written := range listed {
		if !slices.ContainsFunc(shows, func(command string) bool { return is(written, command) }) {
			t.Errorf("README.md names sealmilter %s, and there is no such command", written)
		}
	}
}
