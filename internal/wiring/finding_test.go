package wiring

import (
	"strings"
	"testing"
)

// wantFinding wants a finding that begins with state, topic and a part of the detail; "" wants nothing but ok. Whatever
// is not ok says what to do.
func wantFinding(t *testing.T, all []Finding, want string) {
	t.Helper()
	var bad []string
	found := false
	for _, f := range all {
		line := string(f.State) + " " + f.Topic + ": " + f.Detail
		if f.State != OK {
			bad = append(bad, line)
			if f.Mend == "" {
				t.Errorf("it does not say what to do: %s", line)
			}
		}
		found = found || want != "" && strings.HasPrefix(line, want)
	}
	if want == "" && len(bad) > 0 || want != "" && !found {
		t.Errorf("want %q, found\n%s", want, strings.Join(bad, "\n"))
	}
}
