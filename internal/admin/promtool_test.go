package admin

import (
	"os"
	"os/exec"
	"testing"

	"sealmilter/internal/lab"
)

// promtool prepares Prometheus's own tool, from Debian's package. It is fetched once, and a test that cannot have it fails.
func promtool(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	tree, err := lab.Unpack(t.Context(), os.Stderr, "prometheus")
	if err != nil {
		t.Fatal(err)
	}
	cmd := tree.Command(t.Context(), "/usr/bin/promtool", args...)
	cmd.Dir = "../../deploy/monitoring"
	return cmd
}

// TestAlertRules has the shipped rules checked, and run on series that a test makes up.
func TestAlertRules(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"check", "rules", "--lint-fatal", "rules.yml"}, {"test", "rules", "tests.yml"}, {"check", "config", "--syntax-only", "scrape.yml"}} {
		if said, err := promtool(t, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, said)
		}
	}
}
