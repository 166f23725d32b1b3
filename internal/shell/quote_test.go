package shell_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"sealmilter/internal/shell"
)

// TestTheShellReadsWhatWasMeant has a real one read every word.
func TestTheShellReadsWhatWasMeant(t *testing.T) {
	words := []string{"alice@example.org", "o'brien@example.org", `"a b"@example.org`, "$(id)@example.org", "`id`@example.org", `"\"'$HOME"@example.org`,
		"", "*", "~root", "a;b", "a|b&c", "#no", "!x", "дмитрий@example.org", "a\\b", "-x@example.org", "{a,b}", "x=y", "two\nlines"}
	out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf '%s\\0' "+shell.Quote(words...)).Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"); !slices.Equal(got, words) {
		t.Errorf("got %q", got)
	}
}

func TestArguments(t *testing.T) {
	for want, words := range map[string][]string{
		"alice@example.org":        {"alice@example.org"},
		"-- -x@example.org AA":     {"-x@example.org", "AA"},
		`'"a b"@example.org' AA`:   {`"a b"@example.org`, "AA"},
		`'o'\''brien@example.org'`: {"o'brien@example.org"},
	} {
		if got := shell.Arguments(words...); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
