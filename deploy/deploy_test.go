package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sealmilter/deploy"
	"sealmilter/internal/config"
)

// TestConfigHasTheDefaults reads the shipped configuration.
func TestConfigHasTheDefaults(t *testing.T) {
	c, err := config.Parse("sealmilter.toml", []byte(deploy.Config))
	if err != nil || c.Listen != config.Default().Listen || c.State != deploy.State {
		t.Errorf("%+v, %v", c, err)
	}
	if config.DefaultFile != deploy.ConfigFile {
		t.Error("the unit names another configuration file than the program")
	}
}

// TestUnit has systemd read the unit of the usual host and of an unusual one.
func TestUnit(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	for name, o := range map[string]deploy.UnitOptions{
		"usual":   {Program: "/bin/true", ConfigFile: deploy.ConfigFile, State: deploy.State, Credential: true},
		"unusual": {Program: "/bin/true", ConfigFile: `/etc/my mail/100% $HOME \ "x".toml`, State: "/srv/seal milter"},
	} {
		unit := deploy.Unit(o)
		file := filepath.Join(t.TempDir(), "sealmilter.service")
		if err := os.WriteFile(file, []byte(unit), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(analyze, "verify", file).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		if strings.Contains(unit, "\nLoadCredential=") != o.Credential {
			t.Errorf("%s: whether there is a credential is wrong", name)
		}
		if !strings.Contains(unit, "\nExecStart=/bin/true serve -c ") {
			t.Errorf("%s: it runs something else:\n%s", name, unit)
		}
		// The daemon finds the owner of a connection in /proc/net/tcp.
		if strings.Contains(unit, "\nProcSubset=pid") {
			t.Errorf("%s: it hides the table of connections", name)
		}
	}
	if unit := deploy.Unit(deploy.UnitOptions{Program: deploy.Program, ConfigFile: deploy.ConfigFile, State: deploy.State, Credential: true}); unit != shipped(t) {
		t.Error("for the usual paths it differs from the shipped file")
	}
}

func shipped(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("systemd/sealmilter.service")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
