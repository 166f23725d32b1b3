package main

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"sealmilter/internal/config"
)

// TestRuleIsNotTornApart: a setting stands in one line, as in the configuration, if it fits into one.
func TestRuleIsNotTornApart(t *testing.T) {
	for long := range 60 {
		c, err := config.Parse("x.toml", fmt.Appendf(nil, "[[policy.rule]]\nfrom = [\"%sa@example.org\"]\nto = [\"*@bank.example\", \"*@%s.example\"]\nmode = \"require\"\nmin_level = \"provider-trust\"\n",
			strings.Repeat("x", long), strings.Repeat("y", 60)))
		if err != nil {
			t.Fatal(err)
		}
		rule := c.Policy.Rules[0]
		var b strings.Builder
		explainedLine{Rule: 1, RuleSays: rule.String(), settings: rule.Settings()}.rule(&b)
		text := b.String()
		for _, whole := range []string{`mode = "require"`, `min_level = "provider-trust"`, fmt.Sprintf(`from = ["%sa@example.org"]`, strings.Repeat("x", min(long, 40)))} {
			if long <= 40 && !strings.Contains(text, whole) {
				t.Errorf("no %s in\n%s", whole, text)
			}
		}
		if got := strings.Join(strings.Fields(text), " "); got != "rule number 1: "+rule.String() {
			t.Errorf("%s", got)
		}
		for line := range strings.Lines(text) {
			if utf8.RuneCountInString(line) > screenWidth+1 && len(strings.Fields(line)) > 1 && long <= 40 {
				t.Errorf("%d columns: %s", len(line), line)
			}
		}
	}
}
