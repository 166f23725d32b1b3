package sealmilter_test

import (
	"context"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"sealmilter/internal/lab"
)

// TestDocsInlineCommandsExist has sealmilter read the words of every command that a page names within its text: a
// command or flag that does not exist is found. Commands in blocks are run, by the test of internal/lab/pages.
func TestDocsInlineCommandsExist(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	program, err := lab.Build(ctx, t.TempDir(), "sealmilter/cmd/sealmilter")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(sealmilter|keys|store|setup|explain|check|serve|log) ([a-z-][^`]*)`")
	// A word behind the name of a group of commands has to be one of its commands.
	groups := regexp.MustCompile(`^(?:(?:keys|store|log) )?[a-z-]+`)
	tried := map[string]bool{}
	for page, text := range pages(t) {
		for _, m := range named.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
			words := m[2]
			if m[1] != "sealmilter" {
				words = m[1] + " " + words
			}
			// What follows is the shell's, or stands for arguments that are left out.
			words = strings.Join(strings.Fields(strings.FieldsFunc(words+" ", func(r rune) bool { return strings.ContainsRune("|<>&;#", r) })[0]), " ")
			words = strings.ReplaceAll(words, " ...", "")
			if tried[words] {
				continue
			}
			tried[words] = true
			// The argument behind is for a flag whose value is left out. Should a command begin its work all the same, it
			// has no configuration.
			args := append([]string{"-c", t.TempDir() + "/none.toml"}, strings.Fields(words)...)
			out, err := exec.CommandContext(ctx, program, append(args, "x", "--help")...).CombinedOutput()
			if err != nil || !strings.Contains(string(out), "\n  sealmilter "+groups.FindString(words)) {
				t.Errorf("%s: %s: %v\n%s", page, m[0], err, out)
			}
		}
	}
	if len(tried) < 30 {
		t.Errorf("only %d commands were found", len(tried))
	}
}
