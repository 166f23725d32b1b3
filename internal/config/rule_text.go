package config

import (
	"fmt"
	"strconv"
	"strings"

	"sealmilter/internal/mail"
)

// Settings returns what stands in a rule, a setting for each key that is set, as the configuration file has them.
func (r Rule) Settings() []string {
	var all []string
	for _, side := range []struct {
		name     string
		patterns []mail.Pattern
	}{{"from", r.From}, {"to", r.To}} {
		if len(side.patterns) == 0 {
			continue
		}
		var quoted []string
		for _, p := range side.patterns {
			quoted = append(quoted, strconv.Quote(p.String()))
		}
		all = append(all, fmt.Sprintf("%s = [%s]", side.name, strings.Join(quoted, ", ")))
	}
	all = append(all, fmt.Sprintf("mode = %q", r.Mode))
	if r.MinLevel != "" {
		all = append(all, fmt.Sprintf("min_level = %q", r.MinLevel))
	}
	if r.Together {
		all = append(all, "together = true")
	}
	if r.Firm {
		all = append(all, "firm = true")
	}
	return all
}

// String returns the rule in one line.
func (r Rule) String() string { return strings.Join(r.Settings(), ", ") }
