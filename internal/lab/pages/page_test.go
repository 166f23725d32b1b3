package pages

import (
	"strings"
	"testing"
)

func TestSteps(t *testing.T) {
	const page = "# Title\n\n## First\n\n    make demo   # a comment\n\ntext\n\n```toml\na = 1\n```\n\n## Second\n\n" +
		"1. An entry\n\n   ```console\n   $ one \\\n     two\n   out\n\n   $ cat <<'END'\n   $ text\n   END\n   ```\n\n    continued text\n\n```text\nno command\n```\n"
	want := []Step{
		{Line: 5, Section: "First", Command: "make demo   # a comment"},
		{Line: 10, Section: "First", Configuration: "a = 1\n"},
		{Line: 18, Section: "Second", Command: "one \\\n  two", Transcript: true, Output: "out\n\n"},
		{Line: 22, Section: "Second", Command: "cat <<'END'\n$ text\nEND", Transcript: true},
	}
	got, err := Steps(page)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("there are %d steps: %+v", len(got), got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("step %d is\n%+v\nand not\n%+v", i, got[i], want[i])
		}
	}
}

func TestStepsRefuse(t *testing.T) {
	for page, want := range map[string]string{
		"```\nls\n":                      "line 1: the block has no end",
		"```text\nsealmilter check\n```": "line 2: a command in a block",
		"```\noutput\n$ ls\n```":         "line 2: output above the first command",
		"```\nls \\\n```":                "line 2: the command has no end",
		"```\ncat <<END\ntext\n```":      "line 2: the command has no end",
	} {
		if steps, err := Steps(page); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %+v; want %s", page, err, steps, want)
		}
	}
}

func TestMatch(t *testing.T) {
	const (
		shown, real   = "1614542D8A6165C136CA2CFECAC182792249473D", "22F5542D8A6165C136CA2CFECAC182792249473D"
		other, other2 = "3CDDC802678CDA300C23F7537852476C42B4361D", "4ABCC802678CDA300C23F7537852476C42B4361D"
	)
	for _, c := range []struct {
		name, page, printed string
		matches             bool
	}{
		{"the same", "a\nb\n", "a\nb\n", true},
		{"another text", "a\n", "b\n", false},
		{"a line more", "a\n", "a\nb\n", false},
		{"nothing", "", "", true},
		{"something for nothing", "\n", "a\n", false},
		{"any lines", "a\n...\nd\n", "a\nb\nc\nd\n", true},
		{"anything in a line", "a ... c\n", "a b c\n", true},
		{"a known fingerprint", shown + "\n", real + "\n", true},
		{"a known fingerprint and another", shown + "\n", other + "\n", false},
		{"a new fingerprint twice", other + " " + other + "\n", other2 + " " + other2 + "\n", true},
		{"a new fingerprint that are two", shown[:8] + "\n" + strings.Repeat("A", 40) + " " + strings.Repeat("A", 40) + "\n", shown[:8] + "\n" + other + " " + other2 + "\n", false},
		{"dates and columns", "x  2026-11-25 21:20:19  in 9 days\n", "x    2027-01-01 00:00:00 in 10 days\n", true},
		{"a date and a word", "2026-11-25\n", "never\n", false},
		{"durations and queue ids", "4XYZ D0258A30554 took 12ms\n", "4XYZ 1899CA305A1 took 1.5s\n", true},
		{"marks of patterns", "(a|b)* [c]\n", "(a|b)* [c]\n", true},
	} {
		n := Names{shown: real}
		if err := n.Match(c.page, c.printed); (err == nil) != c.matches {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	n := Names{}
	if err := n.Match("found "+shown, "found "+real); err != nil || n.In("keys pin "+shown) != "keys pin "+real {
		t.Errorf("%v: %v", n, err)
	}
}
