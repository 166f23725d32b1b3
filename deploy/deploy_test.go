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
		if strings.Count(unit, "=/bin/true serve -c ") != 2 || !strings.Contains(unit, "\nExecStart=/bin/true serve -c ") {
			t.Errorf("%s: it runs something else:\n%s", name, unit)
		}
		// The daemon finds the owner of a connection in /proc/net/tcp.
		if strings.Contains(unit, "\nProcSubset=pid") {
			t.Errorf("%s: it hides the table of connections", name)
		}
	}
	// The socket belongs to a service of its name, which has to be there.
	dir := t.TempDir()
	socket, err := os.ReadFile("systemd/sealmilter.socket")
	if err != nil {
		t.Fatal(err)
	}
	service := deploy.Unit(deploy.UnitOptions{Program: "/bin/true", ConfigFile: deploy.ConfigFile, State: deploy.State})
	for name, text := range map[string]string{"sealmilter.socket": string(socket), "sealmilter.service": service} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command(analyze, "verify", filepath.Join(dir, "sealmilter.socket"), filepath.Join(dir, "sealmilter.service")).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("the socket: %v\n%s", err, out)
	}
	if c := config.Default().Listen; !strings.Contains(string(socket), "\nListenStream="+c.Address+"\n") {
		t.Errorf("the socket is not that of listen, %s", c)
	}
	if unit := deploy.Unit(deploy.UnitOptions{Program: deploy.Program, ConfigFile: deploy.ConfigFile, State: deploy.State, Credential: true}); unit != shipped(t) {
		t.Error("for the usual paths it differs from the shipped file")
	}
}

// TestUnitIsLocked has systemd judge what the unit lets the daemon do.
func TestUnitIsLocked(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	file := filepath.Join(t.TempDir(), "sealmilter.service")
	if err := os.WriteFile(file, []byte(shipped(t)), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(analyze, "security", "--offline=true", "--threshold=20", "--no-pager", file).CombinedOutput()
	if err != nil {
		t.Errorf("the exposure is above 2.0: %v\n%s", err, out)
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
