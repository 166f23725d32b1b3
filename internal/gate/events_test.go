package gate_test

import (
	"regexp"
	"strings"
	"testing"
)

// people are those who write and are written to in the tests, as far as their names are no words of a sentence.
var people = regexp.MustCompile(`(?i)@|\b(alice|bob|carol|dave|erin|eve|fay|frank)\b`)

// stack has the names of functions and files in it.
var stack = regexp.MustCompile(` stack=".*"`)

// checkLog looks for what no line of a log with hidden addresses has: an address or a name, and something of a message.
func checkLog(t *testing.T, log string) {
	t.Helper()
	for line := range strings.Lines(log) {
		if people.MatchString(stack.ReplaceAllString(line, "")) || strings.Contains(line, secretText) || strings.Contains(line, "secret subject") {
			t.Errorf("the log says %s", line)
		}
		if !strings.Contains(line, " event=") || strings.Contains(line, " event=other") {
			t.Errorf("what is logged is no event: %s", line)
		}
	}
}
