package debian_test

import (
	"os/exec"
	"testing"

	"sealmilter/deploy/debian"
)

// TestVersion has dpkg order the versions of packages as the modules are ordered.
func TestVersion(t *testing.T) {
	ordered := []struct{ module, want string }{
		{"(devel)", "0~devel"},
		{"v0.0.0-20261126114453-29962c42aac2", "0.0.0~20261126114453.29962c42"},
		{"v0.0.0-20261126114453-29962c42aac2+dirty", "0.0.0~20261126114453.29962c42+dirty"},
		{"v0.0.0-20261127000000-000000000000", "0.0.0~20261127000000.00000000"},
		{"v1.0.0-rc.1", "1.0.0~rc.1"},
		{"v1.0.0-rc.1.0.20270101000000-123456789abc", "1.0.0~rc.1.20270101000000.12345678"},
		{"v1.0.0", "1.0.0"},
		{"v1.0.1-0.20270201000000-123456789abc", "1.0.1~20270201000000.12345678"},
		{"v1.0.1", "1.0.1"},
		{"v1.0.1+dirty", "1.0.1+dirty"},
		{"v1.10.0", "1.10.0"},
	}
	for i, v := range ordered {
		got := debian.Version(v.module)
		if got != v.want {
			t.Errorf("%s is %s, not %s", v.module, got, v.want)
		}
		if i == 0 {
			continue
		}
		earlier := debian.Version(ordered[i-1].module)
		if out, err := exec.Command("dpkg", "--compare-versions", earlier, "lt", got).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("dpkg does not take %s for earlier than %s: %v %s", earlier, got, err, out)
		}
	}
}
