package debian_test

import (
	"os"
	"strings"
	"testing"

)

// TestLintian has Debian's own checker look at the package.
func TestLintian(t *testing.T) {
	if os.Getenv("SEALMILTER_TEST_RELEASE") == "" {
		t.Skip("make deb-test runs it")
	}
	t.Parallel()
	h := startHost(t, "lintian")
	h.packages(t)
	out, err := h.Run(h.ctx, "lintian", "--allow-root", "/root/1.deb")
	if err != nil || strings.TrimSpace(out) != "" {
		t.Errorf("lintian says, %v:\n%s", err, out)
	}
}
