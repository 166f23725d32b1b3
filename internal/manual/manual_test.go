package manual_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"sealmilter/internal/manual"
)

var update = flag.Bool("update", false, "write the pages of testdata anew")

var edition = manual.Edition{Date: "2026-01-02", Version: "v1.2.3"}

// file has each way in which a comment can stand to what it is about.
const file = `# The configuration of a thing. Nothing in it is secret.
#
# A second paragraph - with a dash, a \ and a 'quote'.

# What is first.
first = "a"

[table]
# One of these:
#   one   the first
#   two   the second
# And that is all.
mode = "one"

# Rules, each of which looks so:
#
# [[table.rule]]
# to   = ["@bank.example"]
# mode = "one"
#
# first = true in a rule is prose.

# What is above a table is about it.
[table.inner]
# Two keys with one comment, and a line that begins with
# .a dot.
fresh = "1d"
absent = "1h"
lonely = []
`

func TestPages(t *testing.T) {
	command := manual.Command{
		Words: []string{"thing", "do"}, Short: "Do it", Usage: "do FILE", Long: "Do it well.\n\n  thing do x\n\nThat's all.",
		Flags: []manual.Flag{
			{Name: "config", Letter: "c", Value: "FILE", Usage: "configuration FILE", Default: `"/etc/x"`},
			{Name: "dry-run", Usage: "change nothing"},
		},
		Commands: []manual.Command{{Words: []string{"thing", "do", "more"}, Short: "Do more"}},
		More:     []manual.Section{{Name: "FILES", Text: "/etc/x\n  its file"}},
	}
	for name, got := range map[string][]byte{
		"thing-do.1":   edition.Page(command, "thing(1)", "thing.toml(5)"),
		"thing.toml.5": edition.ConfigFile("thing.toml", "a thing's file", file, manual.Section{Name: "SEE ALSO", Text: "thing(1)"}),
	} {
		golden := "testdata/" + name
		if *update {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s is\n%s\nwant\n%s", name, got, want)
		}
	}
}

// FuzzConfigFile looks for texts that reach the formatter as requests.
func FuzzConfigFile(f *testing.F) {
	f.Add(file)
	f.Add("# .so /etc/passwd\n#   'br\n.x = 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		known := []string{".TH", ".SH", ".SS", ".TP", ".TQ", ".PP", ".IP", ".RS", ".RE", ".nf", ".fi", ".nh", ".ad", ".ss", ".sp"}
		for line := range strings.Lines(string(edition.ConfigFile("x", "y", text))) {
			if strings.HasPrefix(line, "'") {
				t.Fatalf("a line begins with a quote: %q", line)
			}
			if strings.HasPrefix(line, ".") {
				request, _, _ := strings.Cut(strings.TrimSpace(line), " ")
				found := false
				for _, k := range known {
					found = found || k == request
				}
				if !found {
					t.Fatalf("a text has become a request: %q", line)
				}
			}
		}
	})
}
