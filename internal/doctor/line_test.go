package doctor

import (
	"strings"
	"testing"

	"sealmilter/internal/config"
	"sealmilter/internal/wiring"
)

func parsedConfig(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("sealmilter.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// wantLine wants a finding that begins with state, topic and a part of the detail, and no other that is not ok; "" wants
// nothing but ok.
func wantLine(t *testing.T, all []wiring.Finding, want string) {
	t.Helper()
	var lines []string
	for _, f := range all {
		if f.State == wiring.OK && want != "" && !strings.HasPrefix(want, "ok ") {
			continue
		}
		if f.State != wiring.OK || want != "" {
			lines = append(lines, string(f.State)+" "+f.Topic+": "+f.Detail)
		}
		if f.State != wiring.OK && f.Mend == "" {
			t.Errorf("it does not say what to do: %+v", f)
		}
	}
	if want == "" && len(lines) == 0 || want != "" && len(lines) == 1 && strings.HasPrefix(lines[0], want) {
		return
	}
	t.Errorf("want %q, found\n%s", want, strings.Join(lines, "\n"))
}
