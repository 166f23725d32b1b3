package shell_test

import (
	"os/exec"
	"strings"
	"testing"

	"sealmilter/internal/shell"
)

// TestQuote has the shell itself read what was quoted.
func TestQuote(t *testing.T) {
	words := []string{"", "plain@example.org", "a b", "o'hara@example.org", "$(id)", "`id`", "a\\b", "*", "~", "-n", "a;b", "\"", "!x", "ü@example.org", "a\tb\nc", "#c"}
	out, err := exec.Command("sh", "-c", "printf '%s\\0' "+shell.Quote(words...)).Output()
	if err != nil || string(out) != strings.Join(words, "\x00")+"\x00" {
		t.Errorf("%q, %v", out, err)
	}
	if got := shell.Quote("chmod", "0640", "/etc/sealmilter/a.toml"); got != "chmod 0640 /etc/sealmilter/a.toml" {
		t.Error(got)
	}
}
